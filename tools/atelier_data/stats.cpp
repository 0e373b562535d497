// atelier dataset stats: what a run, a manifest, a posts file or a folder holds.
#include <CLI/CLI.hpp>
#include <filesystem>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "configs/base/atomic_file.h"
#include "configs/base/error.h"
#include "configs/base/log.h"
#include "data/dataset.h"
#include "data/dedup/fingerprints.h"
#include "data/dedup/leave_out_duplicates.h"
#include "data/manifest/build.h"
#include "data/report/report.h"
#include "tools/atelier_data/verbs.h"
#include "trainer/options/run_options.h"

namespace atelier {
namespace {

namespace fs = std::filesystem;

struct StatsArguments {
  std::vector<std::string> inputs;
  std::string out;
  bool json = false;
};

bool is_run(const std::string& input) {
  return input.ends_with(".yaml") || input.ends_with(".yml") || input.starts_with("recipe:");
}

/// What is reported on: the manifest, and the options that decide what of it is used and how.
struct Subject {
  Manifest manifest;
  DatasetOptions options;
  uint64_t seed = 0;
  fs::path fingerprints = {};  // of a run
};

Subject open_run(const std::vector<std::string>& inputs) {
  const RunOptions run = read_run(inputs[0], {inputs.begin() + 1, inputs.end()});
  if (run.dataset.sources.empty()) {
    throw ConfigError("no sources", "dataset.sources", "name a folder of pictures or a posts file");
  }
  return {refresh_manifest(run.dataset.sources, manifest_dir(run), build_options(run.dataset)), run.dataset,
          static_cast<uint64_t>(run.seed), fingerprints_file(manifest_dir(run))};
}

Subject open_manifest(const std::string& folder) {
  Subject subject{Manifest(folder), {}, 0};
  subject.options.sources.resize(subject.manifest.summary().sources.size());
  return subject;
}

Subject open_posts(const std::vector<std::string>& paths) {
  DatasetOptions options;
  for (const std::string& path : paths) options.sources.emplace_back().path = path;
  return {std::move(build_manifest(options.sources, nullptr).manifest), options, 0};
}

Subject open_inputs(const std::vector<std::string>& inputs) {
  if (is_run(inputs[0])) return open_run(inputs);
  if (inputs.size() == 1 && fs::exists(fs::path(inputs[0]) / "manifest.json")) return open_manifest(inputs[0]);
  return open_posts(inputs);
}

void dataset_stats(const StatsArguments& arguments) {
  const Subject subject = open_inputs(arguments.inputs);
  Selection selection = select_rows(subject.manifest, subject.options.select);
  leave_out_duplicates(subject.manifest, subject.options.select.dedup, subject.fingerprints, selection);
  std::optional<Strata> strata;
  if (!selection.rows.empty()) {
    strata.emplace(plan_input(subject.manifest, selection, subject.options), subject.options.balance,
                   subject.options.buckets, /*merge_below=*/0, subject.seed);
  }
  const Report report = make_report(subject.manifest, selection, strata ? &*strata : nullptr);
  if (!arguments.out.empty()) {
    fs::create_directories(arguments.out);
    write_file_atomically(fs::path(arguments.out) / "report.json", report_json(report));
    log_info("report: ", (fs::path(arguments.out) / "report.json").string());
  }
  std::cout << (arguments.json ? report_json(report) : report_tables(report)) << std::flush;
}

}  // namespace

Verb verb_stats() {
  return {"dataset stats", "statistics of posts: tables, report.json", [](CLI::App& app) -> std::function<void()> {
            auto arguments = std::make_shared<StatsArguments>();
            app.add_option("input", arguments->inputs,
                           "a run's YAML (and key.path=value), a manifest folder, or posts: .jsonl files and folders")
                ->required()
                ->type_name("RUN|MANIFEST|POSTS...");
            app.add_option("--out", arguments->out, "writes report.json there")->type_name("DIR");
            app.add_flag("--json", arguments->json, "prints the content of report.json instead of tables");
            return [arguments] { dataset_stats(*arguments); };
          }};
}

}  // namespace atelier
