// What a dataset holds, in numbers (docs/formats/report_json.md). All posts are counted, usable ones apart; what is
// said about balance and buckets comes from the same code as the plan.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "data/manifest/manifest.h"
#include "data/plan/strata.h"
#include "data/select/select.h"

namespace atelier {

inline constexpr int kReportVersion = 1;

/// Posts of some kind in the manifest, and those of them that are used.
struct Tally {
  int64_t posts = 0, usable = 0;
};

struct ClassReport {
  Tally tally;
  int64_t inferred = 0;                              // posts
  std::array<Tally, kGroupSizeCount> group_sizes{};  // as kGroupSizeNames
  std::optional<double> wanted, reached;             // shares of the samples, with a plan only
  double repeats = 0;                                // uses of a post an epoch, on average, sources' repeats included
};

struct TagReport {
  std::string name;
  Tally tally;            // aliases and implications followed
  int64_t raw_posts = 0;  // that carry it as written
};

struct CategoryReport {
  int64_t distinct = 0;        // tags
  Tally mentions;              // tags on posts, summed
  std::vector<TagReport> top;  // most posts first, then by name
};

/// Nearest-rank quantiles: the value of rank ceil(q n), no interpolation.
struct QuantileReport {
  static constexpr std::array<double, 7> kAt = {0, 0.05, 0.25, 0.5, 0.75, 0.95, 1};
  int64_t count = 0;  // posts that have the value
  std::array<double, kAt.size()> values{};
};

struct BucketReport {
  int32_t width = 0, height = 0;  // px
  int64_t posts = 0;
  double samples_per_epoch = 0;
};

struct Report {
  std::string content_hash;  // of the manifest
  std::vector<SourceSummary> sources;
  SourceSummary total;
  Tally posts;
  std::vector<std::pair<std::string, int64_t>> excluded;  // rows of the manifest by first reason
  std::array<ClassReport, kPersonClassCount> classes;
  int64_t person_conflicts = 0;  // posts whose people tags contradict each other
  std::array<Tally, kRatingCount> ratings{};
  std::map<int32_t, Tally> years;  // UTC
  Tally without_date;
  std::array<CategoryReport, kTagCategoryCount> tags;
  std::map<std::string, Tally> formats;
  Tally with_caption, without_tags;
  /// By name: width, height, megapixels, aspect, score, fav_count, tags; of all posts.
  std::vector<std::pair<std::string, QuantileReport>> quantiles;
  std::vector<BucketReport> buckets;  // with a plan only
  double samples_per_epoch = 0;       // with a plan only
};

/// `strata` is what the plan draws from; nullptr when no picture is usable. `top` tags a category.
Report make_report(const Manifest& manifest, const Selection& selection, const Strata* strata, size_t top = 50);

/// report.json.
std::string report_json(const Report& report);

/// Tables for a terminal of 80 columns.
std::string report_tables(const Report& report);

}  // namespace atelier
