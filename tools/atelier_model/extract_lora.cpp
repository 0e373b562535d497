// `model extract-lora`: the difference of two checkpoints as a LoRA.
#include "models/adapters/extract_lora.h"

#include <ATen/ATen.h>

#include <CLI/CLI.hpp>
#include <cmath>
#include <cstdio>
#include <filesystem>

#include "configs/base/error.h"
#include "configs/base/interrupt.h"
#include "configs/base/log.h"
#include "configs/base/progress.h"
#include "configs/base/text.h"
#include "models/options/network_options.h"
#include "models/pipeline/components.h"
#include "models/weights/single_file.h"
#include "tools/atelier_model/adapter_output.h"
#include "tools/atelier_model/model_output.h"
#include "tools/atelier_model/verbs.h"
#include "tools/common/arguments.h"

namespace atelier {
namespace {

namespace fs = std::filesystem;

struct ExtractArguments {
  std::string base, tuned, config;
  AdapterOutput out;
  ExtractOptions options;
};

StoredPipeline open_checked(const std::string& path, const std::string& config) {
  StoredPipeline pipeline = open_pipeline(path, config.empty() ? std::nullopt : std::optional<fs::path>(config));
  check_parts(pipeline);
  return pipeline;
}

std::map<std::string, std::string> extracted_metadata(const StoredPipeline& tuned, const ExtractArguments& arguments) {
  NetworkOptions network;
  network.network_dim = arguments.options.rank;
  network.network_alpha = static_cast<double>(arguments.options.rank);
  if (arguments.options.conv_rank > 0) {
    network.algo = "locon";
    network.conv_dim = arguments.options.conv_rank;
    network.conv_alpha = static_cast<double>(arguments.options.conv_rank);
  }
  StoredPipeline bare;  // nothing of the tuned model's own metadata: they describe a checkpoint
  bare.refiner = tuned.refiner;
  bare.scheduler = tuned.scheduler;
  std::map<std::string, std::string> metadata =
      single_file_metadata(bare, fs::path(arguments.out.file).stem().string());
  metadata["modelspec.architecture"] += "/lora";
  metadata["ss_base_model_version"] = "sdxl_base_v1-0";
  metadata["ss_v_parameterization"] = tuned.scheduler.prediction_type == "v_prediction" ? "True" : "False";
  metadata["ss_sd_model_name"] = fs::path(arguments.base).filename().string();
  metadata.merge(network_metadata(network));
  return metadata;
}

/// What became of the difference, over all modules.
struct ExtractReport {
  int64_t modules = 0, equal = 0;
  double wanted = 0, error = 0, least = 1;
  std::string least_name;

  void add(const ExtractedModule& module) {
    ++modules;
    wanted += module.wanted;
    error += module.error;
    const double kept = share(module.wanted, module.error);
    if (kept > least) return;
    least = kept;
    least_name = module.name;
  }

  void print() const {
    std::printf("adapters  %s\n", grouped(modules).c_str());
    if (equal > 0) std::printf("equal     %s weights are the same in both models\n", grouped(equal).c_str());
    std::printf("kept      %.1f %% of the difference (Frobenius norm); least, %.1f %%, in %s\n",
                100 * share(wanted, error), 100 * least, least_name.c_str());
  }

  static double share(double wanted_, double error_) { return std::sqrt(std::max(0.0, 1 - error_ / wanted_)); }
};

void run_extract(const ExtractArguments& arguments) {
  require_kept(arguments.out.file, {arguments.base, arguments.tuned});
  arguments.out.require_free();
  const StoredPipeline base = open_checked(arguments.base, arguments.config);
  const StoredPipeline tuned = open_checked(arguments.tuned, arguments.config);
  const LoraExtraction extraction(base, tuned, arguments.options);
  for (const Part part : extraction.equal_parts()) log_info(part_name(part), " counts as equal in both: no adapters");
  ExtractReport report;
  std::vector<TensorSource> tensors;
  Progress progress("extracting", extraction.size(), "weights");
  for (int64_t i = 0; i < extraction.size(); ++i, progress.advance()) {
    check_interrupted();
    const std::optional<ExtractedModule> module = extraction.extract(i);
    if (!module) {
      ++report.equal;
      continue;
    }
    report.add(*module);
    const auto rank = static_cast<double>(module->factors.down.size(0));
    tensors.push_back(arguments.out.tensor(module->factors.down, module->name + ".lora_down.weight"));
    tensors.push_back(arguments.out.tensor(module->factors.up, module->name + ".lora_up.weight"));
    tensors.push_back(arguments.out.tensor(at::scalar_tensor(rank), module->name + ".alpha"));
  }
  progress.finish();
  if (report.modules == 0) {
    throw WeightsError("the two models do not differ where a LoRA could", arguments.tuned,
                       "they differ in other weights only, or not at all");
  }
  arguments.out.write(std::move(tensors), extracted_metadata(tuned, arguments));
  report.print();
}

}  // namespace

Verb verb_extract_lora() {
  const auto declare = [](CLI::App& app) {
    auto arguments = std::make_shared<ExtractArguments>();
    ExtractOptions& options = arguments->options;
    app.add_option("BASE", arguments->base, "single file or diffusers folder")->required();
    app.add_option("TUNED", arguments->tuned, "the same, after training")->required();
    arguments->out.declare(app);
    app.add_option("--rank,--dim", options.rank, "of the adapters (16)")->check(CLI::Range(1, 1280));
    app.add_option("--conv-rank,--conv-dim", options.conv_rank,
                   "of 3x3 convolutions; 0: nothing of the ResNet blocks (0)")
        ->check(CLI::Range(0, 1280));
    app.add_option("--clamp-quantile", options.clamp_quantile,
                   "entries beyond this quantile are clamped to it; 1: none (0.99)")
        ->check(finite_range(0.5, 1));
    app.add_option("--min-diff", options.min_diff, "a text encoder that differs by no more counts as equal (0.01)")
        ->check(finite_range(0, 1000));
    app.add_option("--config", arguments->config, "folder of the configurations of single files that are no usual SDXL")
        ->type_name("DIR");
    return [arguments] { run_extract(*arguments); };
  };
  return {"model extract-lora", "the difference of two checkpoints as a LoRA", declare};
}

}  // namespace atelier
