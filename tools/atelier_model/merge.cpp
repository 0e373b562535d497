// `model merge`: adapters into the weights of a model, tensor by tensor.
#include <CLI/CLI.hpp>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>

#include "configs/base/atomic_file.h"
#include "configs/base/error.h"
#include "configs/base/log.h"
#include "configs/base/text.h"
#include "models/adapters/merge_weights.h"
#include "models/pipeline/components.h"
#include "models/weights/single_file.h"
#include "models/weights/stored_pipeline.h"
#include "models/weights/write_tensor_sources.h"
#include "tools/atelier_model/model_output.h"
#include "tools/atelier_model/verbs.h"
#include "tools/atelier_model/write_progress.h"
#include "tools/common/arguments.h"

namespace atelier {
namespace {

namespace fs = std::filesystem;

struct MergeArguments {
  std::string base, out, config;
  std::optional<SafeDtype> dtype;
  std::vector<std::string> loras;
  bool overwrite = false;
};

std::string stem_of(const fs::path& path) { return (path.has_filename() ? path : path.parent_path()).stem().string(); }

void check_merge_paths(const MergeArguments& arguments, const std::vector<LoraArgument>& loras) {
  const fs::path base(arguments.base), out(arguments.out);
  require_kept(out, {base});
  for (const LoraArgument& lora : loras) require_kept(out, {lora.file});
  require_free(out, arguments.overwrite);
  if (fs::is_directory(base) != (out.extension() != ".safetensors")) {
    throw ConfigError("the result has the layout of BASE", out.string(),
                      fs::is_directory(base)
                          ? "BASE is a diffusers folder: name a folder; `model convert` makes one file"
                          : "BASE is a single file: name a file that ends in .safetensors");
  }
  if (fs::is_directory(base) && lies_within(out, base)) {
    throw ConfigError("the result would lie within the model it is made of", out.string(), "give another --out");
  }
  require_parent(out);
}

/// Puts the adapters into the pipeline's tensors, in the order of the command line.
void add_loras(StoredPipeline& pipeline, const std::vector<LoraArgument>& loras) {
  for (const LoraArgument& lora : loras) {
    const auto file = std::make_shared<const AdapterFile>(lora.file);
    const std::vector<std::string> unused = merge_adapters(pipeline, file, lora.weight);
    if (unused.size() == file->modules().size()) {
      throw WeightsError("no adapter of this LoRA fits the model", lora.file);
    }
    warn_unused(lora.file, "adapters have no place in the model", unused);
    warn_unused(lora.file, "tensors are no part of a known adapter", file->unknown_keys());
  }
}

std::map<std::string, std::string> merge_metadata(std::map<std::string, std::string> metadata,
                                                  const MergeArguments& arguments,
                                                  const std::vector<LoraArgument>& loras) {
  std::string titles = metadata.contains("modelspec.title") ? metadata["modelspec.title"] : stem_of(arguments.base);
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const LoraArgument& lora : loras) {
    titles += ", " + stem_of(lora.file);
    list.push_back({{"file", fs::path(lora.file).filename().string()}, {"weight", lora.weight}});
  }
  metadata["modelspec.title"] = stem_of(arguments.out);
  metadata["modelspec.merged_from"] = titles;
  metadata["atelier.merged"] = list.dump();
  metadata.erase("modelspec.date");
  return metadata;
}

bool holds_weights(const fs::path& file) {
  const std::string name = file.filename().string();
  return name.ends_with(".safetensors") || name.ends_with(".safetensors.index.json") || name.ends_with(".bin") ||
         name.ends_with(".msgpack") || name.ends_with(".index.fp16.json");
}

/// Everything of the folder but the weights of the parts that are written anew.
void copy_other_files(const StoredPipeline& pipeline, const fs::path& to) {
  const auto written_anew = [&](const fs::path& relative) {
    for (const auto& [part, sources] : pipeline.tensors) {
      if (relative.begin()->string() == part_name(part) && holds_weights(relative)) return true;
    }
    return false;
  };
  // Hubs' caches keep files, and people keep folders, as links: they are told by their names and copied by content.
  const auto links = fs::directory_options::follow_directory_symlink;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(pipeline.path, links)) {
    const fs::path relative = entry.path().lexically_relative(pipeline.path);
    if (!entry.is_regular_file() || written_anew(relative)) continue;
    fs::create_directories((to / relative).parent_path());
    fs::copy_file(entry.path(), to / relative);
  }
}

void write_folder(const StoredPipeline& pipeline, const MergeArguments& arguments, WriteOptions options) {
  AtomicFolder folder(folder_path(arguments.out), arguments.overwrite);
  copy_other_files(pipeline, folder.temporary_path());
  options.metadata = pipeline.metadata;
  options.metadata["format"] = "pt";
  for (const auto& [part, sources] : pipeline.tensors) {
    const fs::path place = folder.temporary_path() / part_name(part);
    fs::create_directories(place);
    write_tensor_sources(place / weights_file_name(part), sources, options);
  }
  folder.commit();
}

void write_single_file(const StoredPipeline& pipeline, const MergeArguments& arguments, WriteOptions options) {
  options.metadata = single_file_metadata(pipeline, stem_of(arguments.out));
  write_tensor_sources(arguments.out, single_file_tensors(pipeline), options);
}

void run_merge(const MergeArguments& arguments) {
  std::vector<LoraArgument> loras;
  for (const std::string& lora : arguments.loras) loras.push_back(parse_lora(lora));
  check_merge_paths(arguments, loras);
  const auto config = arguments.config.empty() ? std::nullopt : std::optional<fs::path>(arguments.config);
  StoredPipeline pipeline = open_pipeline(arguments.base, config);
  check_parts(pipeline);
  add_loras(pipeline, loras);
  WriteOptions options;
  options.dtype = arguments.dtype;
  finish_merge(pipeline, options.dtype);
  pipeline.metadata = merge_metadata(std::move(pipeline.metadata), arguments, loras);
  WriteProgress progress("merge", pipeline, options.dtype);
  options.on_tensor = progress.counter();
  pipeline.single_file ? write_single_file(pipeline, arguments, options) : write_folder(pipeline, arguments, options);
}

}  // namespace

Verb verb_merge() {
  return {"model merge", "LoRA and its kin into the weights of a model", [](CLI::App& app) {
            auto arguments = std::make_shared<MergeArguments>();
            app.add_option("BASE", arguments->base, "single file or diffusers folder")->required();
            app.add_option("LORA", arguments->loras, "adapter files, each with its weight; merged one after another")
                ->type_name("FILE[:WEIGHT]")
                ->required();
            app.add_option("--out", arguments->out, "of the layout of BASE")->type_name("PATH")->required();
            add_dtype_option(app, arguments->dtype, "of the result; default: each tensor's own");
            app.add_option("--config", arguments->config,
                           "folder of the configurations of a BASE that is no usual SDXL")
                ->type_name("DIR");
            app.add_flag("--overwrite", arguments->overwrite, "replace what stands at --out");
            return [arguments] { run_merge(*arguments); };
          }};
}

}  // namespace atelier
