// Posts, what is left out of them, with examples, sources and quantiles.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "configs/base/text.h"
#include "configs/base/thread_pool.h"
#include "data/report/json_parts.h"
#include "data/report/sections.h"

namespace atelier {
namespace {

using Json = nlohmann::ordered_json;

constexpr int64_t kExamples = 5, kTagsOfExample = 8;

Json source_json(const SourceSummary& source) {
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

std::string tag_names(const Manifest& manifest, int64_t row, TagCategory category) {
  std::string names;
  int64_t listed = 0;
  for (const int32_t tag : manifest.tags(row, category)) {
    if (++listed > kTagsOfExample) return names + " ...";
    names += (names.empty() ? "" : " ") + std::string(manifest.dictionary().name(tag));
  }
  return names;
}

std::string number_or(std::string_view what, std::optional<int32_t> number) {
  return number ? text(what, ' ', *number) : text("no ", what);
}

/// What was found that keeps the row from being used.
std::string exclusion_detail(const ReportInput& input, int64_t row, Exclusion reason) {
  const Manifest& manifest = input.manifest;
  const std::string size = text(manifest.width(row), " x ", manifest.height(row), " px");
  switch (reason) {
    case Exclusion::kOptOutArtist: return tag_names(manifest, row, TagCategory::kArtist);
    case Exclusion::kOptOutSource: return std::string(manifest.source_url(row));
    case Exclusion::kMinSide:
    case Exclusion::kMinMegapixels:
    case Exclusion::kMaxMegapixels:
    case Exclusion::kMaxAspect: return size;
    case Exclusion::kBytesPerPixel: return text(grouped(manifest.file_size(row)), " bytes, ", size);
    case Exclusion::kFormat:
      return manifest.path(row).empty() ? "" : std::string(image_format_name(manifest.format(row)));
    case Exclusion::kRating: return std::string(kRatingNames[static_cast<size_t>(manifest.rating(row))]);
    case Exclusion::kMinScore: return number_or("score", manifest.score(row));
    case Exclusion::kMinFavCount: return number_or("favourites", manifest.fav_count(row));
    case Exclusion::kYear: return number_or("year", manifest.year(row));
    case Exclusion::kTags: return tag_names(manifest, row, TagCategory::kGeneral);
    case Exclusion::kDuplicate: {
      const auto found = std::ranges::find(input.duplicates, row, &DuplicateRow::row);
      return found == input.duplicates.end() ? "" : text("the same as ", manifest.id(found->kept));
    }
    default: return "";
  }
}

/// A number of each post that has one.
struct Measure {
  const char* name;
  std::optional<double> (*of)(const ManifestBatch&, int64_t i);
};

std::optional<double> known(const OptionalColumn<int32_t>& column, int64_t i) {
  return column.has(i) ? std::optional<double>(column.values[static_cast<size_t>(i)]) : std::nullopt;
}

/// `measure(width, height)` of posts whose size is known.
template <auto measure>
std::optional<double> of_size(const ManifestBatch& batch, int64_t i) {
  const int32_t width = batch.width[static_cast<size_t>(i)], height = batch.height[static_cast<size_t>(i)];
  if (width <= 0 || height <= 0) return std::nullopt;
  return measure(static_cast<double>(width), static_cast<double>(height));
}

constexpr Measure kMeasures[] = {
    {"width", of_size<[](double width, double) { return width; }>},
    {"height", of_size<[](double, double height) { return height; }>},
    {"megapixels", of_size<[](double width, double height) { return width * height / 1e6; }>},
    {"aspect", of_size<[](double width, double height) { return width / height; }>},
    {"score", [](const ManifestBatch& batch, int64_t i) { return known(batch.score, i); }},
    {"fav_count", [](const ManifestBatch& batch, int64_t i) { return known(batch.fav_count, i); }},
    {"tags",
     [](const ManifestBatch& batch, int64_t i) {
       size_t tags = 0;
       for (const TagColumn& column : batch.tags) tags += column.at(i).size();
       return std::optional(static_cast<double>(tags));
     }},
};

}  // namespace

std::string posts_section(const ReportInput& input, const PostCounts& counts) {
  const SourceSummary total = input.manifest.summary().total();
  Json excluded = Json::object();
  for (const auto& [reason, rows] : input.selection.excluded()) excluded[std::string(exclusion_name(reason))] = rows;
  Tally mentions;
  const TagDictionary& tags = input.manifest.dictionary();
  for (int32_t tag = 0; tag < tags.size(); ++tag) {
    mentions.add({tags.count(tag), counts.tag_usable[static_cast<size_t>(tag)]});
  }
  Json json = {{"read", total.read},
               {"excluded_minors", total.excluded_minors},
               {"quarantined", total.quarantined},
               {"counted", counts.posts.posts},
               {"usable", counts.posts.usable},
               {"excluded", std::move(excluded)},
               {"with_picture", tally_json<Json>(counts.with_picture)},
               {"with_caption", tally_json<Json>(counts.with_caption)},
               {"without_tags", tally_json<Json>(counts.without_tags)},
               {"tags", tags.size()},
               {"mentions", tally_json<Json>(mentions)}};
  if (input.plan) json["samples_per_epoch"] = input.plan->strata().samples_per_epoch();
  return json_text(json);
}

std::string exclusions_section(const ReportInput& input) {
  Json exclusions = Json::array();
  const std::vector<Exclusion>& of_rows = input.selection.exclusions;
  for (const auto& [reason, posts] : input.selection.excluded()) {
    Json examples = Json::array();
    auto at = of_rows.begin();
    for (int64_t i = 0; i < std::min(posts, kExamples); ++i, ++at) {
      at = std::find(at, of_rows.end(), reason);
      const int64_t row = at - of_rows.begin();
      examples.push_back({{"id", input.manifest.id(row)},
                          {"source", input.manifest.source(row)},
                          {"detail", exclusion_detail(input, row, reason)}});
    }
    exclusions.push_back({{"reason", exclusion_name(reason)}, {"posts", posts}, {"examples", std::move(examples)}});
  }
  return json_text(exclusions);
}

std::string sources_section(const ReportInput& input) {
  Json sources = Json::array();
  for (const SourceSummary& source : input.manifest.summary().sources) sources.push_back(source_json(source));
  return json_text(sources);
}

std::string formats_section(const PostCounts& counts) {
  Json formats = Json::array();
  for (size_t i = 0; i < counts.formats.size(); ++i) {
    if (counts.formats[i].posts == 0) continue;
    const Json format = {{"format", image_format_name(static_cast<ImageFormat>(i))}};
    formats.push_back(with_tally(format, counts.formats[i]));
  }
  return json_text(formats);
}

/// One measure after another in each thread: all of them at once would be most of the memory.
std::string quantiles_section(const ReportInput& input) {
  const Manifest& manifest = input.manifest;
  std::vector<Quantiles> found(std::size(kMeasures));
  parallel_for(std::ssize(kMeasures), 0, [&](int64_t index) {
    std::vector<double> values;
    values.reserve(static_cast<size_t>(manifest.size()));
    for (int64_t b = 0; b < manifest.batch_count(); ++b) {
      const ManifestBatch batch = manifest.batch(b);
      for (int64_t i = 0; i < batch.rows; ++i) {
        if (const std::optional<double> value = kMeasures[index].of(batch, i)) values.push_back(*value);
      }
    }
    found[static_cast<size_t>(index)] = quantiles_of(std::move(values));
  });
  Json json;
  for (size_t i = 0; i < found.size(); ++i) json[kMeasures[i].name] = quantiles_json<Json>(found[i]);
  return json_text(json);
}

}  // namespace atelier
