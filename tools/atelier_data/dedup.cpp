// atelier dataset dedup: groups of pictures that are the same, or look it.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <iostream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "configs/base/log.h"
#include "configs/base/text.h"
#include "data/dedup/fingerprints.h"
#include "data/dedup/leave_out_duplicates.h"
#include "data/manifest/build.h"
#include "tools/atelier_data/verbs.h"
#include "trainer/options/run_options.h"

namespace atelier {
namespace {

struct DedupArguments {
  std::string run, method;
  std::vector<std::string> overrides;
};

nlohmann::ordered_json post_json(const Manifest& manifest, int64_t row) {
  return {{"source", manifest.summary().sources[static_cast<size_t>(manifest.source(row))].path},
          {"id", manifest.id(row)}};
}

/// One line a group, in the order of the pictures that stay; within a group the best first.
void print_groups(const Manifest& manifest, const std::vector<DuplicateRow>& duplicates) {
  std::map<int64_t, nlohmann::ordered_json> left_out;  // by the row that stays
  for (const DuplicateRow& each : duplicates) {
    nlohmann::ordered_json post = post_json(manifest, each.row);
    post["kind"] = duplicate_kind_name(each.kind);
    post["distance"] = each.distance;
    left_out[each.kept].push_back(std::move(post));
  }
  for (const auto& [kept, posts] : left_out) {
    const nlohmann::ordered_json line = {{"kept", post_json(manifest, kept)}, {"left_out", posts}};
    std::cout << line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) << "\n";
  }
  std::cout << std::flush;
  log_info(grouped(std::ssize(left_out)), " groups");
}

/// What training will make of it.
std::string consequence(const std::string& selected, const std::string& compared) {
  if (selected == compared) return "are left out: dataset.select.dedup.method is " + selected;
  if (selected == "none") return "are used all the same; dataset.select.dedup.method=" + compared + " leaves them out";
  return text("would be left out with dataset.select.dedup.method=", compared, "; it is ", selected);
}

void dataset_dedup(const DedupArguments& arguments) {
  const RunOptions run = read_run(arguments.run, arguments.overrides);
  const Manifest manifest = refresh_manifest(run.dataset.sources, manifest_dir(run), build_options(run.dataset));
  const std::vector<int64_t> rows = select_rows(manifest, run.dataset.select).rows;
  const std::string& selected = run.dataset.select.dedup.method;
  DedupOptions options = run.dataset.select.dedup;
  if (!arguments.method.empty())
    options.method = arguments.method;
  else if (selected == "none")
    options.method = "near";
  const std::vector<DuplicateRow> duplicates =
      find_duplicate_rows(manifest, rows, options, fingerprints_file(manifest_dir(run)));
  print_groups(manifest, duplicates);

  std::string kinds;
  for (const DuplicateKind kind : {DuplicateKind::kMd5, DuplicateKind::kPixels, DuplicateKind::kNear}) {
    const auto count = std::ranges::count(duplicates, kind, &DuplicateRow::kind);
    if (count) kinds += text(kinds.empty() ? " (" : ", ", duplicate_kind_name(kind), " ", grouped(count));
  }
  if (!kinds.empty()) kinds += ")";
  log_info(grouped(std::ssize(duplicates)), " of ", grouped(std::ssize(rows)), " pictures are duplicates", kinds,
           duplicates.empty() ? std::string() : " and " + consequence(selected, options.method));
}

}  // namespace

Verb verb_dedup() {
  return {"dataset dedup", "groups of exact and near duplicates, as JSON lines",
          [](CLI::App& app) -> std::function<void()> {
            auto arguments = std::make_shared<DedupArguments>();
            app.add_option("run", arguments->run, "the run's YAML")->required()->type_name("RUN");
            app.add_option("overrides", arguments->overrides, "key.path=value")->type_name("KEY=VALUE");
            app.add_option("--method", arguments->method,
                           "exact or near; by default what dataset.select.dedup says, near where that is none")
                ->check(CLI::IsMember({"exact", "near"}));
            return [arguments] { dataset_dedup(*arguments); };
          }};
}

}  // namespace atelier
