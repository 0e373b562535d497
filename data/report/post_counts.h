// What is counted of all posts, in one pass over the manifest by all cores.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "data/report/report_input.h"

namespace atelier {

/// Posts of some kind in the manifest, and those of them that are used.
struct Tally {
  int64_t posts = 0, usable = 0;

  void add(const Tally& other) { posts += other.posts, usable += other.usable; }
};

using ClassTallies = std::array<Tally, kPersonClassCount>;

struct PostCounts {
  /// Counts of samples are whole numbers of this: their sums do not depend on the order.
  static constexpr double kSampleUnit = 1.0 / (1 << 24);
  /// Of the most frequent general tags, posts by class are counted.
  static constexpr size_t kLeanTags = 1000;

  struct Class {
    Tally tally;
    int64_t inferred = 0;                              // posts
    std::array<Tally, kGroupSizeCount> group_sizes{};  // as kGroupSizeNames
  };
  struct Year {
    Tally tally;
    ClassTallies classes{};
  };

  Tally posts, with_picture, with_caption, with_parent, without_tags, without_source, known_size;
  Tally deleted, banned, pending;
  std::array<Tally, kTagCategoryCount> with_tag{};  // posts that have a tag of the category
  std::array<Class, kPersonClassCount> classes{};
  int64_t person_conflicts = 0;  // posts whose people tags contradict each other
  std::array<Tally, kRatingCount> ratings{};
  std::array<ClassTallies, kRatingCount> classes_by_rating{};
  std::map<int32_t, Year> years;  // UTC
  Year without_date;
  std::array<Tally, 256> formats{};        // by number of ImageFormat
  std::map<std::string, Tally> sites;      // by host
  std::vector<Tally> density;              // by width's cell x size_edges().size() + height's
  std::vector<Tally> megapixels, aspects;  // by bin of megapixel_edges(), aspect_edges()
  std::vector<int64_t> tag_usable;         // usable posts, by tag
  std::vector<uint64_t> tag_samples;       // an epoch, in kSampleUnit, by tag; empty without a plan
  std::vector<int32_t> lean_tags;          // ids, most posts first
  std::vector<std::array<int64_t, kPersonClassCount>> lean_posts;  // of lean_tags
};

PostCounts count_posts(const ReportInput& input);

/// Samples of each row of the manifest an epoch on average, all resolutions together, in PostCounts::kSampleUnit. Empty
/// without a plan.
std::vector<uint64_t> samples_of_rows(const ReportInput& input);

/// px: 1, then every quarter of an octave from 64 to 65536.
const std::vector<double>& size_edges();
const std::vector<double>& megapixel_edges();
const std::vector<double>& aspect_edges();  // width / height

/// The last i with edges[i] <= value; 0 below the first.
size_t bin_of(const std::vector<double>& edges, double value);

/// "https://www.Example.org:80/a" -> "example.org"; "other text" where there is no "://".
std::string site_of(std::string_view source_url);

}  // namespace atelier
