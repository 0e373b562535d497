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
#include "tools/atelier_data/caption_statistics.h"
#include "tools/atelier_data/verbs.h"
#include "trainer/options/run_options.h"

namespace atelier {
namespace {

struct CaptionsArguments {
  std::string run;
  std::vector<std::string> overrides;
  int64_t epoch = 0;
  int64_t count = 0;
  int64_t draws = 1;
  std::vector<std::string> ids;
  bool statistics = false, text = false, without_pictures = false;
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
      uses.push_back({strata.input().rows[input_row], use.repeat});
    }
  }
  std::ranges::sort(uses);
  const auto repeated = std::ranges::unique(uses);  // at further resolutions the caption is the same
  uses.erase(repeated.begin(), repeated.end());
  return uses;
}

/// What the captions are made with, and how the text encoders read them.
class CaptionPrinter {
 public:
  CaptionPrinter(const Dataset& dataset, const PromptOptions& reading, const CaptionsArguments& arguments)
      : dataset_(dataset),
        captions_(dataset.manifest(), dataset.options(), dataset.seed(), dataset.plan().total_steps()),
        reading_(reading),
        arguments_(arguments) {}

  void print(const Use& use, int64_t epoch) {
    const int64_t steps_before = dataset_.plan().steps_before(epoch);  // for a warm-up of tokens
    const Caption caption = captions_.caption(use.row, epoch, use.repeat, steps_before);
    const ChunkedPrompt prompt = chunk_prompt(caption.text, tokenizer_, reading_);
    const int64_t tokens = prompt.tokens + kBeginAndEnd;  // the same for both encoders
    const bool truncated = prompt.cut > 0;
    if (arguments_.statistics) return statistics_.add(caption, tokens, truncated);
    if (arguments_.text) return print_text(use, epoch, caption, tokens, truncated);
    nlohmann::ordered_json line = {{"id", id(use)},           {"epoch", epoch},   {"repeat", use.repeat},
                                   {"caption", caption.text}, {"level", nullptr}, {"tokens", {tokens, tokens}},
                                   {"truncated", truncated}};
    if (caption.level >= 0) line["level"] = caption.level;
    // Bytes of an id that are no UTF-8 (a file name may hold any) become U+FFFD.
    std::cout << line.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) << "\n";
  }

  void finish() const {
    if (arguments_.statistics) std::cout << (arguments_.text ? statistics_.table() : statistics_.json() + "\n");
  }

 private:
  std::string_view id(const Use& use) const { return dataset_.manifest().id(use.row); }

  void print_text(const Use& use, int64_t epoch, const Caption& caption, int64_t tokens, bool truncated) const {
    std::cout << id(use) << "  epoch " << epoch << ", repeat " << use.repeat;
    if (caption.level >= 0) std::cout << ", level " << caption.level;
    std::cout << ", " << tokens << " tokens" << (truncated ? " (truncated)" : "") << "\n  " << caption.text << "\n";
  }

  const Dataset& dataset_;
  SampleCaptions captions_;
  ClipTokenizer tokenizer_;
  const PromptOptions& reading_;
  const CaptionsArguments& arguments_;
  CaptionStatistics statistics_;
};

void warn_of_unused(const std::unordered_set<std::string>& ids, int64_t epoch) {
  for (const std::string& id : ids) log_warning("not used in epoch ", epoch, ": ", id);
}

void print_captions(const CaptionsArguments& arguments) {
  const RunOptions run = read_run(arguments.run, arguments.overrides);
  BatchingOptions batching = run.train.batching;
  if (!batching.max_train_steps && !batching.max_train_epochs) batching.max_train_epochs = arguments.epoch + 1;
  const PlanSetting setting{.seed = static_cast<uint64_t>(run.seed), .pictures_needed = !arguments.without_pictures};
  const Dataset dataset(run.dataset, batching, setting, manifest_dir(run));
  CaptionPrinter printer(dataset, run.train.prompts, arguments);
  const std::unordered_set<std::string> wanted(arguments.ids.begin(), arguments.ids.end());
  std::unordered_set<std::string> missing = wanted;
  int64_t printed = 0;
  for (const Use& use : uses_in_epoch(dataset.plan().strata(), arguments.epoch)) {
    const std::string id(dataset.manifest().id(use.row));
    if (!wanted.empty() && !wanted.contains(id)) continue;
    missing.erase(id);
    for (int64_t draw = 0; draw < arguments.draws; ++draw) printer.print(use, arguments.epoch + draw);
    check_interrupted();
    if (++printed == arguments.count) break;
  }
  printer.finish();
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
            app.add_option("--count", arguments->count, "at most so many samples; 0: all")
                ->check(CLI::Range(int64_t{0}, INT64_MAX));
            app.add_option("--draws", arguments->draws, "captions of each sample: of this epoch and those after it")
                ->check(CLI::Range(int64_t{1}, int64_t{1000000}));
            app.add_option("--id", arguments->ids, "only this sample (may be repeated)")
                ->type_name("ID")
                ->allow_extra_args(false);  // the next word may be an override
            app.add_flag("--statistics", arguments->statistics, "levels and lengths of the captions, not themselves");
            app.add_flag("--text", arguments->text, "for reading, not JSON");
            app.add_flag("--without-pictures", arguments->without_pictures,
                         "posts whose pictures are not here count as well, as in `dataset plan`");
            return [arguments] { print_captions(*arguments); };
          }};
}

}  // namespace atelier
