// report.json: the schema is docs/formats/report_json.md.
#include <nlohmann/json.hpp>

#include "data/report/report.h"

namespace atelier {
namespace {

using Json = nlohmann::ordered_json;

Json to_json(const Tally& tally) { return {{"posts", tally.posts}, {"usable", tally.usable}}; }

Json to_json(const SourceSummary& source) {
  return {{"path", source.path},
          {"kind", source.kind},
          {"rating_scheme", source.rating_scheme},
          {"read", source.read},
          {"rows", source.rows},
          {"excluded_minors", source.excluded_minors},
          {"quarantined", source.quarantined},
          {"without_picture", source.without_picture},
          {"without_caption", source.without_caption},
          {"further_caption_lines", source.further_caption_lines},
          {"truncated", source.truncated},
          {"animated", source.animated},
          {"other_files", source.other_files}};
}

Json to_json(const ClassReport& in_class, bool planned) {
  Json json = to_json(in_class.tally);
  json["inferred"] = in_class.inferred;
  for (size_t size = 0; size < kGroupSizeCount; ++size) {
    json["group_size"][std::string(kGroupSizeNames[size])] = to_json(in_class.group_sizes[size]);
  }
  if (!planned) return json;
  json["wanted"] = *in_class.wanted;
  json["reached"] = *in_class.reached;
  json["repeats"] = in_class.repeats;
  return json;
}

Json to_json(const CategoryReport& category) {
  Json top = Json::array();
  for (const TagReport& tag : category.top) {
    Json line = {{"tag", tag.name}};
    line.update(to_json(tag.tally));
    line["raw_posts"] = tag.raw_posts;
    top.push_back(std::move(line));
  }
  return {{"distinct", category.distinct}, {"mentions", to_json(category.mentions)}, {"top", std::move(top)}};
}

Json to_json(const QuantileReport& quantiles) {
  static constexpr std::array kKeys = {"min", "p5", "p25", "p50", "p75", "p95", "max"};
  Json json = {{"count", quantiles.count}};
  for (size_t i = 0; i < kKeys.size() && quantiles.count > 0; ++i) json[kKeys[i]] = quantiles.values[i];
  return json;
}

Json posts_json(const Report& report) {
  Json excluded = Json::object();
  for (const auto& [reason, rows] : report.excluded) excluded[reason] = rows;
  return {{"read", report.total.read},
          {"excluded_minors", report.total.excluded_minors},
          {"quarantined", report.total.quarantined},
          {"counted", report.posts.posts},
          {"excluded", std::move(excluded)},
          {"usable", report.posts.usable},
          {"with_caption", to_json(report.with_caption)},
          {"without_tags", to_json(report.without_tags)}};
}

}  // namespace

std::string report_json(const Report& report) {
  Json json = {{"format", "atelier-dataset-report"},
               {"version", kReportVersion},
               {"manifest_hash", report.content_hash},
               {"sources", Json::array()},
               {"posts", posts_json(report)}};
  for (const SourceSummary& source : report.sources) json["sources"].push_back(to_json(source));
  const bool planned = report.classes[0].wanted.has_value();
  for (size_t c = 0; c < kPersonClassCount; ++c) {
    json["person_class"][std::string(kPersonClassNames[c])] = to_json(report.classes[c], planned);
  }
  json["person_conflicts"] = report.person_conflicts;
  for (size_t r = 0; r < kRatingCount; ++r) json["rating"][std::string(kRatingNames[r])] = to_json(report.ratings[r]);
  json["year"] = Json::object();
  for (const auto& [year, tally] : report.years) json["year"][std::to_string(year)] = to_json(tally);
  json["year"]["unknown"] = to_json(report.without_date);
  for (size_t c = 0; c < kTagCategoryCount; ++c)
    json["tags"][std::string(kTagCategoryNames[c])] = to_json(report.tags[c]);
  json["picture_format"] = Json::object();
  for (const auto& [format, tally] : report.formats) json["picture_format"][format] = to_json(tally);
  for (const auto& [name, values] : report.quantiles) json["quantiles"][name] = to_json(values);
  if (planned) {
    json["samples_per_epoch"] = report.samples_per_epoch;
    json["buckets"] = Json::array();
    for (const BucketReport& bucket : report.buckets) {
      json["buckets"].push_back({{"width", bucket.width},
                                 {"height", bucket.height},
                                 {"posts", bucket.posts},
                                 {"samples_per_epoch", bucket.samples_per_epoch}});
    }
  }
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace atelier
