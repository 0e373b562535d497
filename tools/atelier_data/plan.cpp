// atelier dataset plan: the dry run. What a run will see, in which order; no picture is decoded.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <filesystem>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "configs/base/atomic_file.h"
#include "configs/base/interrupt.h"
#include "configs/base/log.h"
#include "configs/base/progress.h"
#include "configs/base/thread_pool.h"
#include "data/dataset.h"
#include "data/report/credits.h"
#include "tools/atelier_data/plan_table.h"
#include "tools/atelier_data/verbs.h"
#include "trainer/options/run_options.h"

namespace atelier {
namespace {

constexpr size_t kWriteBytes = 1 << 20;
constexpr int64_t kCaptionsLookedAt = 4'000;  // shares to one per cent; each is a few pages of the manifest

struct PlanArguments {
  std::string run;
  std::vector<std::string> overrides;
  std::optional<int64_t> epochs;
  int64_t world_size = 1;
  std::string out;
  bool json = false;
  bool without_pictures = false;
  size_t top = 10;
};

std::string json_string(std::string_view text) {
  const auto is_plain = [](unsigned char c) { return c >= 0x20 && c < 0x7F && c != '"' && c != '\\'; };
  if (std::all_of(text.begin(), text.end(), is_plain)) return "\"" + std::string(text) + "\"";
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

/// One line of docs/formats/plan_jsonl.md.
void append_line(std::string& out, const GlobalBatch& batch, const Manifest& manifest, bool with_resolution) {
  out += "{\"step\": " + std::to_string(batch.step) + ", \"epoch\": " + std::to_string(batch.epoch);
  if (batch.micro >= 0) out += ", \"micro\": " + std::to_string(batch.micro);
  if (with_resolution) out += ", \"resolution\": " + std::to_string(batch.resolution);
  out += ", \"width\": " + std::to_string(batch.width) + ", \"height\": " + std::to_string(batch.height);
  out += ", \"samples\": [";
  for (size_t i = 0; i < batch.samples.size(); ++i) {
    const PlannedSample& sample = batch.samples[i];
    out += (i > 0 ? ", [" : "[") + json_string(manifest.id(sample.row)) + ", " + std::to_string(sample.repeat) + "]";
  }
  out += "]}\n";
}

void write_plan(const Plan& plan, const Manifest& manifest, const std::filesystem::path& path) {
  AtomicFile file(path);
  Progress progress("writing the plan", plan.total_steps(), "steps");
  const bool several = plan.strata().resolutions().size() > 1;
  std::string lines;
  for (int64_t step = 1; step <= plan.total_steps(); ++step) {
    for (const GlobalBatch& batch : plan.step(step)) append_line(lines, batch, manifest, several);
    if (lines.size() >= kWriteBytes) file.write(std::string_view(lines)), lines.clear();
    progress.advance();
    check_interrupted();
  }
  file.write(std::string_view(lines));
  file.commit();
}

std::vector<ExposureList> exposures(const Dataset& dataset, const std::vector<uint32_t>& uses) {
  constexpr std::array kCategories{TagCategory::kArtist, TagCategory::kCharacter};
  std::vector<ExposureList> lists(kCategories.size());
  parallel_for(std::ssize(lists), 0, [&](int64_t i) {
    const TagCategory category = kCategories[static_cast<size_t>(i)];
    lists[static_cast<size_t>(i)] = {std::string(kTagCategoryNames[static_cast<size_t>(category)]),
                                     tag_exposure(dataset.manifest(), dataset.plan(), uses, category)};
  });
  return lists;
}

void dataset_plan(const PlanArguments& arguments) {
  RunOptions run = read_run(arguments.run, arguments.overrides);
  BatchingOptions& batching = run.train.batching;
  if (arguments.epochs) {
    batching.max_train_epochs = arguments.epochs;
    batching.max_train_steps.reset();
  } else if (!batching.max_train_epochs && !batching.max_train_steps) {
    batching.max_train_epochs = 1;
  }
  const PlanSetting setting{.seed = static_cast<uint64_t>(run.seed),
                            .world_size = arguments.world_size,
                            .side_divisor = side_divisor(run),
                            .pictures_needed = !arguments.without_pictures};
  const Dataset dataset(run.dataset, batching, setting, manifest_dir(run));
  const std::vector<uint32_t> uses = dataset.plan().uses_of_entries();
  const std::vector<uint32_t> seen = dataset.plan().uses_of_rows(uses);
  const PlanFindings findings{make_plan_report(dataset.plan(), uses), exposures(dataset, seen),
                              statistics_of_run(dataset, run.train.prompts, kCaptionsLookedAt)};
  std::cout << (arguments.json ? plan_json(findings) : plan_table(findings, arguments.top)) << std::flush;
  const std::string credits = manifest_dir(run).string() + ".credits.tsv";
  write_file_atomically(credits, credits_table(collect_credits(dataset, seen)));
  log_info("who made the pictures: ", credits);
  if (arguments.out.empty()) return;
  write_plan(dataset.plan(), dataset.manifest(), arguments.out);
  log_info("the plan is in ", arguments.out);
}

}  // namespace

Verb verb_plan() {
  return {"dataset plan", "dry run: steps, buckets, balance, exposure, waste, lengths of captions",
          [](CLI::App& app) -> std::function<void()> {
            auto arguments = std::make_shared<PlanArguments>();
            app.add_option("run", arguments->run, "the run's YAML")->required()->type_name("RUN");
            app.add_option("overrides", arguments->overrides, "key.path=value")->type_name("KEY=VALUE");
            app.add_option("--epochs", arguments->epochs, "as a run of so many epochs")
                ->check(CLI::Range(int64_t{1}, int64_t{1'000'000}));
            app.add_option("--world-size", arguments->world_size, "as on so many processes")
                ->check(CLI::Range(int64_t{1}, int64_t{1'000'000}));
            app.add_option("--out", arguments->out, "writes one JSON line a global batch")->type_name("FILE.jsonl");
            app.add_option("--top", arguments->top, "classes of a division, artists, characters shown")
                ->check(CLI::Range(size_t{0}, size_t{1'000'000}));
            app.add_flag("--json", arguments->json, "prints all of the report as JSON instead of tables");
            app.add_flag("--without-pictures", arguments->without_pictures,
                         "posts whose pictures are not here count as well, by the sizes that their records state");
            return [arguments] { dataset_plan(*arguments); };
          }};
}

}  // namespace atelier
