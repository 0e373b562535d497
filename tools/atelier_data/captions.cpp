// atelier dataset captions: the captions of one epoch exactly as training will see them, one JSON object a line.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <compare>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "configs/base/interrupt.h"
#include "configs/base/log.h"
#include "data/caption/clip_tokenizer.h"
#include "data/caption/prompt_chunks.h"
#include "data/dataset.h"
#include "data/loader/sample_caption.h"
#include "tools/atelier_data/verbs.h"
#include "trainer/options/run_options.h"

namespace atelier {
namespace {

struct CaptionsArguments {
  std::string run;
  std::vector<std::string> overrides;
  int64_t epoch = 0;
  int64_t count = 0;
  std::vector<std::string> ids;
};

struct Use {
  int64_t row, repeat;
  auto operator<=>(const Use&) const = default;
};

/// Every use of a row in `epoch`, by row.
std::vector<Use> uses_in_epoch(const Strata& strata, int64_t epoch) {
  std::vector<Use> uses;
  for (const Stratum& stratum : strata.strata()) {
    const int64_t before = stratum.uses_before(epoch);
    const int64_t count = stratum.uses_before(epoch + 1) - before;
    for (int64_t i = 0; i < count; ++i) {
      const Stratum::Use use = stratum.use(before, i);
      const uint32_t input_row = strata.order()[static_cast<size_t>(use.entry)];
      uses.push_back({strata.input().rows[input_row].row, use.repeat});
    }
  }
  std::ranges::sort(uses);
  return uses;
}

nlohmann::ordered_json line_of(const Dataset& dataset, const ClipTokenizer& tokenizer, const PromptOptions& reading,
                               const Use& use, int64_t epoch) {
  const Manifest& manifest = dataset.manifest();
  const std::string caption =
      sample_caption(manifest, use.row, dataset.options().captions, dataset.seed(), epoch, use.repeat);
  const ChunkedPrompt prompt = chunk_prompt(caption, tokenizer, reading);
  const int64_t tokens = prompt.tokens + 2;  // with begin and end; the same for both encoders
  return {{"id", manifest.id(use.row)}, {"epoch", epoch},
          {"repeat", use.repeat},       {"caption", caption},
          {"tokens", {tokens, tokens}}, {"truncated", prompt.cut > 0}};
}

/// Bytes of an id that are no UTF-8 (a file name may hold any) become U+FFFD.
std::string dump_line(const nlohmann::ordered_json& line) {
  return line.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

void warn_of_unused(const std::unordered_set<std::string>& ids, int64_t epoch) {
  for (const std::string& id : ids) log_warning("not used in epoch ", epoch, ": ", id);
}

void print_captions(const CaptionsArguments& arguments) {
  const RunOptions run = read_run(arguments.run, arguments.overrides);
  BatchingOptions batching = run.train.batching;
  if (!batching.max_train_steps && !batching.max_train_epochs) batching.max_train_epochs = arguments.epoch + 1;
  const PlanSetting setting{.seed = static_cast<uint64_t>(run.seed)};
  const Dataset dataset(run.dataset, batching, setting, manifest_dir(run));
  const ClipTokenizer tokenizer;
  const std::unordered_set<std::string> wanted(arguments.ids.begin(), arguments.ids.end());
  std::unordered_set<std::string> missing = wanted;
  int64_t printed = 0;
  for (const Use& use : uses_in_epoch(dataset.plan().strata(), arguments.epoch)) {
    const std::string id(dataset.manifest().id(use.row));
    if (!wanted.empty() && !wanted.contains(id)) continue;
    missing.erase(id);
    std::cout << dump_line(line_of(dataset, tokenizer, run.train.prompts, use, arguments.epoch));
    check_interrupted();
    if (++printed == arguments.count) break;
  }
  if (arguments.count == 0 || printed < arguments.count) warn_of_unused(missing, arguments.epoch);
}

}  // namespace

Verb verb_captions() {
  return {"dataset captions", "captions as training will see them, as JSON lines",
          [](CLI::App& app) -> std::function<void()> {
            auto arguments = std::make_shared<CaptionsArguments>();
            app.add_option("run", arguments->run, "the run's YAML")->required()->type_name("RUN");
            app.add_option("overrides", arguments->overrides, "key.path=value ...")->type_name("KEY=VALUE");
            app.add_option("--epoch", arguments->epoch, "from 0")->check(CLI::Range(int64_t{0}, int64_t{1000000}));
            app.add_option("--count", arguments->count, "at most so many lines; 0: all")
                ->check(CLI::Range(int64_t{0}, INT64_MAX));
            app.add_option("--id", arguments->ids, "only this sample (may be repeated)")
                ->type_name("ID")
                ->allow_extra_args(false);  // the next word may be an override
            return [arguments] { print_captions(*arguments); };
          }};
}

}  // namespace atelier
