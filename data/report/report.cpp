#include "data/report/report.h"

#include <nlohmann/json.hpp>

#include "configs/base/error.h"
#include "configs/base/text.h"
#include "data/dataset_hash.h"
#include "data/manifest/manifest_parts.h"
#include "data/report/json_parts.h"
#include "data/report/sections.h"

namespace atelier {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kFormat = "atelier-dataset-report";

/// What sections have read is mapped and comes back when asked: it need not stay in memory beside what others count.
void release(const Manifest& manifest) {
  for (int64_t batch = 0; batch < manifest.batch_count(); ++batch) manifest.release(batch);
}

std::string document_text(const Json& json) { return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n"; }

}  // namespace

std::string made_section(const ReportInput& input) {
  const ReportOrigin& origin = input.origin;
  Json json = {{"at", origin.at},           {"program", origin.program}, {"manifest_version", kManifestVersion},
               {"command", origin.command}, {"seed", input.seed},        {"without_pictures", origin.without_pictures}};
  if (origin.configuration) json["configuration"] = *origin.configuration;
  json["rules_hash"] = input.manifest.parts().rules_state;
  return json_text(json);
}

std::string make_report(const ReportInput& input) {
  release(input.manifest);
  const PostCounts counts = count_posts(input);
  Json json = {
      {"format", kFormat}, {"version", kReportVersion}, {"manifest_hash", input.manifest.summary().content_hash}};
  if (input.plan) json["dataset_hash"] = dataset_hash(input.manifest, input.selection, input.options);
  release(input.manifest);
  const auto add = [&](const char* key, const std::string& section) {
    json[key] = Json::parse(section);
    release(input.manifest);
  };
  add("posts", posts_section(input, counts));
  add("exclusions", exclusions_section(input));
  json["findings"] = Json::array();  // its place; what they say comes from all others
  add("sources", sources_section(input));
  add("picture_format", formats_section(counts));
  add("quantiles", quantiles_section(input));
  add("people", people_section(input, counts));
  add("tags", tags_section(input, counts));
  add("lean", lean_section(input, counts));
  if (input.plan) add("exposure", exposure_section(input, counts));
  add("sizes", sizes_section(input, counts));
  add("time", time_section(input, counts));
  if (input.plan) add("captions", captions_section(input));
  add("duplicates", duplicates_section(input, counts));
  add("quarantine", quarantine_section(input));
  add("licence", licence_section(input, counts));
  add("made", made_section(input));
  add("findings", findings_section(json_text(json)));
  return document_text(json);
}

std::string compare_reports(const std::string& report, const std::string& other, const std::string& path) {
  Json compared = Json::parse(other, nullptr, /*allow_exceptions=*/false);
  if (!compared.is_object() || compared.value("format", Json()) != kFormat) {
    throw ConfigError("not a report.json of `atelier dataset stats`", path);
  }
  if (compared.value("version", Json()) != kReportVersion) {
    throw ConfigError(text("a report of version ", compared.value("version", Json()).dump(), ", not ", kReportVersion),
                      path, "make it again with this version of Atelier");
  }
  compared.erase("compare");
  Json json = Json::parse(report);
  json["compare"] = std::move(compared);
  return document_text(json);
}

}  // namespace atelier
