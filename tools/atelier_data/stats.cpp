// atelier dataset stats: what a run, a manifest, a posts file or a folder holds.
#include <CLI/CLI.hpp>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "configs/base/atomic_file.h"
#include "configs/base/clock.h"
#include "configs/base/error.h"
#include "configs/base/log.h"
#include "data/dataset.h"
#include "data/dedup/fingerprints.h"
#include "data/dedup/leave_out_duplicates.h"
#include "data/manifest/build.h"
#include "data/manifest/manifest_parts.h"
#include "data/report/report.h"
#include "data/report/report_page.h"
#include "tools/atelier_data/verbs.h"
#include "trainer/options/run_options.h"

namespace atelier {
namespace {

namespace fs = std::filesystem;

struct StatsArguments {
  std::vector<std::string> inputs;
  std::string out, compare;
  bool json = false, without_pictures = false;
};

bool is_run(const std::string& input) {
  return input.ends_with(".yaml") || input.ends_with(".yml") || input.starts_with("recipe:");
}

/// What is reported on: the manifest, and the options that decide what of it is used and how.
struct Subject {
  Manifest manifest;
  RunOptions run = {};
  fs::path fingerprints = {};  // of a run
  std::vector<Quarantined> quarantined = {};
  std::optional<std::string> configuration = {};  // of a run
  bool needs_pictures = true;
};

/// The first of each reason that a manifest's folder lists.
std::vector<Quarantined> read_quarantine(const fs::path& manifest_folder) {
  constexpr int kOfAReason = 5;
  std::vector<Quarantined> samples;
  std::map<std::string, int> listed;
  std::ifstream file(manifest_folder / kQuarantineFile);
  for (std::string line; std::getline(file, line);) {
    const auto json = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (!json.is_object()) continue;
    Quarantined sample{json.value("source", ""), json.value("id", ""), json.value("reason", ""),
                       json.value("detail", "")};
    if (++listed[sample.reason] <= kOfAReason) samples.push_back(std::move(sample));
  }
  return samples;
}

Subject open_run(const std::vector<std::string>& inputs) {
  const RunOptions run = read_run(inputs[0], {inputs.begin() + 1, inputs.end()});
  if (run.dataset.sources.empty()) {
    throw ConfigError("no sources", "dataset.sources", "name a folder of pictures or a posts file");
  }
  const fs::path folder = manifest_dir(run);
  return {refresh_manifest(run.dataset.sources, folder, build_options(run.dataset)), run, fingerprints_file(folder),
          read_quarantine(folder), resolved_yaml(run)};
}

Subject open_manifest(const std::string& folder) {
  Subject subject{Manifest(folder)};
  subject.run.dataset.sources.resize(subject.manifest.summary().sources.size());
  subject.quarantined = read_quarantine(folder);
  return subject;
}

Subject open_posts(const std::vector<std::string>& paths) {
  RunOptions run;
  for (const std::string& path : paths) run.dataset.sources.emplace_back().path = path;
  BuiltManifest built = build_manifest(run.dataset.sources, nullptr);
  Subject subject{std::move(built.manifest), run};
  subject.quarantined = std::move(built.quarantined);
  return subject;
}

/// Posts none of which has a picture are records to plan with, unless a run says that they are to be trained on.
Subject open_inputs(const StatsArguments& arguments) {
  const std::vector<std::string>& inputs = arguments.inputs;
  if (is_run(inputs[0])) {
    Subject subject = open_run(inputs);
    subject.needs_pictures = !arguments.without_pictures;
    return subject;
  }
  const bool is_manifest = inputs.size() == 1 && fs::exists(fs::path(inputs[0]) / kManifestFile);
  Subject subject = is_manifest ? open_manifest(inputs[0]) : open_posts(inputs);
  const SourceSummary total = subject.manifest.summary().total();
  subject.needs_pictures = !arguments.without_pictures && total.without_picture < total.rows;
  return subject;
}

/// nullopt where nothing is usable or has a sample: the report says so.
std::optional<Plan> make_plan(const Subject& subject, const Selection& selection) {
  if (selection.rows.empty()) return std::nullopt;
  const DatasetOptions& options = subject.run.dataset;
  BatchingOptions batching = subject.run.train.batching;
  if (!batching.max_train_epochs && !batching.max_train_steps) batching.max_train_epochs = 1;
  try {
    return Plan(plan_input(subject.manifest, selection, options), options.balance, options.buckets, batching,
                /*world_size=*/1, static_cast<uint64_t>(subject.run.seed));
  } catch (const DataError& error) {
    log_warning("no plan: ", error.summary());
    return std::nullopt;
  }
}

ReportOrigin origin_of(const StatsArguments& arguments, const Subject& subject) {
  ReportOrigin origin{utc_now(), "atelier " ATELIER_VERSION, {"atelier", "dataset", "stats"}};
  origin.command.insert(origin.command.end(), arguments.inputs.begin(), arguments.inputs.end());
  const auto option = [&](const char* name, const std::string& value) {
    if (!value.empty()) origin.command.insert(origin.command.end(), {name, value});
  };
  option("--out", arguments.out);
  option("--compare", arguments.compare);
  if (arguments.without_pictures) origin.command.push_back("--without-pictures");
  origin.configuration = subject.configuration;
  origin.without_pictures = !subject.needs_pictures;
  return origin;
}

std::string report_on(const Subject& subject, const ReportOrigin& origin) {
  const DatasetOptions& options = subject.run.dataset;
  Selection selection = select_rows(subject.manifest, options.select, subject.needs_pictures);
  const std::vector<DuplicateRow> duplicates =
      leave_out_duplicates(subject.manifest, options.select.dedup, subject.fingerprints, selection);
  const std::optional<Plan> plan = make_plan(subject, selection);
  return make_report({subject.manifest, selection, options, subject.run.train.prompts, plan ? &*plan : nullptr,
                      static_cast<uint64_t>(subject.run.seed), duplicates, subject.quarantined, origin});
}

void dataset_stats(const StatsArguments& arguments) {
  const std::string other = arguments.compare.empty() ? "" : read_file(arguments.compare);
  if (!arguments.compare.empty()) compare_reports("{}", other, arguments.compare);  // a mistake is told before the work
  const Subject subject = open_inputs(arguments);
  std::string report = report_on(subject, origin_of(arguments, subject));
  if (!arguments.compare.empty()) report = compare_reports(report, other, arguments.compare);
  if (!arguments.out.empty()) {
    const fs::path out = arguments.out;
    fs::create_directories(out);
    write_file_atomically(out / "report.json", report);
    write_file_atomically(out / "report.html", report_page(report));
    log_info("report: ", (out / "report.html").string());
  }
  std::cout << (arguments.json ? report : report_tables(report)) << std::flush;
}

}  // namespace

Verb verb_stats() {
  return {"dataset stats", "statistics of posts: tables, report.html, report.json",
          [](CLI::App& app) -> std::function<void()> {
            auto arguments = std::make_shared<StatsArguments>();
            app.add_option("input", arguments->inputs,
                           "a run's YAML (and key.path=value), a manifest folder, or posts: .jsonl files and folders")
                ->required()
                ->type_name("RUN|MANIFEST|POSTS...");
            app.add_option("--out", arguments->out, "writes report.html and report.json there")->type_name("DIR");
            app.add_option("--compare", arguments->compare, "another report.json to set beside this one")
                ->type_name("OTHER.json");
            app.add_flag("--json", arguments->json, "prints the content of report.json instead of tables");
            app.add_flag("--without-pictures", arguments->without_pictures,
                         "posts whose pictures are not here count as well, by the sizes that their records state");
            return [arguments] { dataset_stats(*arguments); };
          }};
}

}  // namespace atelier
