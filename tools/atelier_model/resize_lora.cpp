// `model resize-lora`: a LoRA at another rank.
#include "models/adapters/resize_lora.h"

#include <ATen/ATen.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <map>

#include "configs/base/error.h"
#include "configs/base/interrupt.h"
#include "configs/base/progress.h"
#include "configs/base/text.h"
#include "tools/atelier_model/adapter_output.h"
#include "tools/atelier_model/model_output.h"
#include "tools/atelier_model/verbs.h"

namespace atelier {
namespace {

using Method = RankChoice::Method;

const std::map<std::string, Method> kDynamicMethods = {
    {"sv_ratio", Method::kSvRatio}, {"sv_fro", Method::kSvFro}, {"sv_cumulative", Method::kSvCumulative}};

struct ResizeArguments {
  std::string in, dynamic_method;
  double dynamic_param = 0;
  int64_t rank = 0, conv_rank = 0;
  bool verbose = false;
  AdapterOutput out;
};

RankChoice choice_of(const ResizeArguments& arguments, int64_t most) {
  RankChoice choice;
  choice.most = most;
  if (arguments.dynamic_method.empty()) return choice;
  choice.method = kDynamicMethods.at(arguments.dynamic_method);
  choice.param = arguments.dynamic_param;
  const bool ratio = choice.method == Method::kSvRatio;
  if (!std::isfinite(choice.param) || (ratio ? choice.param < 1 : choice.param <= 0 || choice.param > 1)) {
    throw ConfigError(
        text("--dynamic-param of ", arguments.dynamic_method, ratio ? " is at least 1" : " lies in (0, 1]"),
        "command line",
        ratio ? "singular values below the largest one / param are dropped: 2 keeps few, 20 many"
              : "what is kept of the norm (sv_fro) or of the sum (sv_cumulative): 0.9 keeps most");
  }
  return choice;
}

void print_modules(const std::vector<ResizedModule>& modules) {
  for (const ResizedModule& module : modules) {
    std::printf("%-70s %4ld -> %-4ld %6.2f %%\n", module.name.c_str(), static_cast<long>(module.old_rank),
                static_cast<long>(module.rank), 100 * module.kept);
  }
}

void print_resize_summary(const std::vector<ResizedModule>& modules) {
  std::map<int64_t, int64_t> ranks;
  double sum = 0;
  for (const ResizedModule& module : modules) {
    ++ranks[module.rank];
    sum += module.kept;
  }
  std::vector<std::string> listed;
  for (const auto& [rank, count] : ranks) listed.push_back(text(rank, " x ", count));
  const auto least =
      std::min_element(modules.begin(), modules.end(), [](const auto& a, const auto& b) { return a.kept < b.kept; });
  std::printf("modules  %s\nranks    %s\n", grouped(static_cast<int64_t>(modules.size())).c_str(),
              join(listed, ", ").c_str());
  std::printf("kept     %.2f %% of a module's Frobenius norm on average; least, %.2f %%, of %s\n",
              100 * sum / static_cast<double>(modules.size()), 100 * least->kept, least->name.c_str());
}

void run_resize(const ResizeArguments& arguments) {
  require_kept(arguments.out.file, {arguments.in});
  arguments.out.require_free();
  const RankChoice choice = choice_of(arguments, arguments.rank);
  const RankChoice conv = choice_of(arguments, arguments.conv_rank > 0 ? arguments.conv_rank : arguments.rank);
  const LoraResize resize(arguments.in);
  std::vector<ResizedModule> modules;
  std::vector<TensorSource> tensors;
  Progress progress("resizing", resize.size(), "modules");
  for (int64_t i = 0; i < resize.size(); ++i, progress.advance()) {
    check_interrupted();
    ResizedModule module = resize.resize(i, choice, conv);
    for (const auto& [name, values] : module.tensors) tensors.push_back(arguments.out.tensor(values, name));
    module.tensors.clear();
    modules.push_back(std::move(module));
  }
  progress.finish();
  arguments.out.write(std::move(tensors), resized_metadata(resize.file().metadata(), modules));
  if (arguments.verbose) print_modules(modules);
  print_resize_summary(modules);
}

}  // namespace

Verb verb_resize_lora() {
  const auto declare = [](CLI::App& app) {
    auto arguments = std::make_shared<ResizeArguments>();
    app.add_option("IN", arguments->in, "LoRA or LoCon file, of any model")->required();
    arguments->out.declare(app);
    app.add_option("--rank,--new-rank", arguments->rank, "of every module; with --dynamic-method the most")
        ->required()
        ->check(CLI::Range(1, 65536));
    app.add_option("--conv-rank,--new-conv-rank", arguments->conv_rank, "of 3x3 convolutions (as --rank)")
        ->check(CLI::Range(1, 65536));
    auto* param = app.add_option("--dynamic-param", arguments->dynamic_param, "how much to keep of each module");
    auto* method = app.add_option("--dynamic-method", arguments->dynamic_method,
                                  "the rank of each module by its singular values")
                       ->check(CLI::IsMember({"sv_ratio", "sv_fro", "sv_cumulative"}))
                       ->needs(param);
    param->needs(method);
    app.add_flag("--verbose", arguments->verbose, "ranks and what is kept, module by module");
    return [arguments] { run_resize(*arguments); };
  };
  return {"model resize-lora", "a LoRA at another rank", declare};
}

}  // namespace atelier
