#include "data/select/select.h"

#include <algorithm>
#include <array>

#include "configs/base/error.h"
#include "configs/base/text.h"
#include "data/post/word_list.h"
#include "data/select/tag_expression.h"

namespace atelier {
namespace {

constexpr std::array<std::string_view, 11> kNames = {"none",           "opt_out_artist", "no_picture", "min_side",
                                                     "min_megapixels", "max_megapixels", "max_aspect", "rating",
                                                     "min_score",      "year",           "tags"};

/// The options, made ready to ask row by row.
class Filter {
 public:
  Filter(const Manifest& manifest, const SelectOptions& options)
      : manifest_(manifest), options_(options), expression_(options.tags, manifest.dictionary()) {
    if (options.opt_out_artists) read_opt_outs(*options.opt_out_artists);
    for (const std::string& name : options.ratings) {
      ratings_[static_cast<size_t>(std::ranges::find(kRatingNames, name) - kRatingNames.begin())] = true;
    }
  }

  Exclusion first_reason(int64_t row) const {
    if (!opted_out_.empty() && is_opted_out(row)) return Exclusion::kOptOutArtist;
    if (manifest_.path(row).empty()) return Exclusion::kNoPicture;
    if (const Exclusion reason = by_size(row); reason != Exclusion::kNone) return reason;
    if (!options_.ratings.empty() && !ratings_[static_cast<size_t>(manifest_.rating(row))]) return Exclusion::kRating;
    // A post without a score fails every minimum, one without a date every range of years.
    if (options_.min_score && !(manifest_.score(row) >= options_.min_score)) return Exclusion::kMinScore;
    const std::optional<int32_t> year = manifest_.year(row);
    if (options_.min_year && !(year && *year >= *options_.min_year)) return Exclusion::kYear;
    if (options_.max_year && !(year && *year <= *options_.max_year)) return Exclusion::kYear;
    return has_wanted_tags(row) ? Exclusion::kNone : Exclusion::kTags;
  }

 private:
  void read_opt_outs(const std::string& path) {
    opted_out_.assign(static_cast<size_t>(manifest_.dictionary().size()), false);
    for (const std::string& artist : read_word_list(path)) {
      const int32_t tag = manifest_.dictionary().find(artist);
      if (tag != TagDictionary::kUnknown) opted_out_[static_cast<size_t>(tag)] = true;
    }
  }

  /// A folder's tags have no categories: an opted-out name counts wherever it stands.
  bool is_opted_out(int64_t row) const {
    return any_tag(row, [&](int32_t tag) { return opted_out_[static_cast<size_t>(tag)]; });
  }

  Exclusion by_size(int64_t row) const {
    const int64_t width = manifest_.width(row), height = manifest_.height(row);
    const int64_t shorter = std::min(width, height), longer = std::max(width, height);
    const double megapixels = static_cast<double>(width * height) / 1e6;
    if (shorter < options_.min_side) return Exclusion::kMinSide;
    if (options_.min_megapixels && megapixels < *options_.min_megapixels) return Exclusion::kMinMegapixels;
    if (options_.max_megapixels && megapixels > *options_.max_megapixels) return Exclusion::kMaxMegapixels;
    const bool too_long =
        options_.max_aspect && static_cast<double>(longer) > *options_.max_aspect * static_cast<double>(shorter);
    return too_long ? Exclusion::kMaxAspect : Exclusion::kNone;
  }

  bool has_wanted_tags(int64_t row) const {
    return expression_.matches(
        [&](int32_t tag) { return any_tag(row, [tag](int32_t other) { return other == tag; }); });
  }

  template <typename Predicate>
  bool any_tag(int64_t row, Predicate predicate) const {
    for (int c = 0; c < kTagCategoryCount; ++c) {
      if (std::ranges::any_of(manifest_.tags(row, static_cast<TagCategory>(c)), predicate)) return true;
    }
    return false;
  }

  const Manifest& manifest_;
  const SelectOptions& options_;
  TagExpression expression_;
  std::vector<bool> opted_out_;  // by tag; empty: no list
  std::array<bool, kRatingCount> ratings_{};
};

void check_bad_samples(const Manifest& manifest, const SelectOptions& options) {
  int64_t bad = 0;
  std::string reasons;
  for (const auto& [reason, samples] : manifest.summary().total().quarantined) {
    bad += samples;
    reasons += text(reasons.empty() ? "" : ", ", reason, " ", samples);
  }
  if (!options.max_bad_samples || bad <= *options.max_bad_samples) return;
  throw DataError(text(bad, " samples are quarantined, ", *options.max_bad_samples, " are allowed: ", reasons),
                  "dataset.select.max_bad_samples",
                  "see quarantine.jsonl beside the manifest; repair them or allow more");
}

}  // namespace

std::string_view exclusion_name(Exclusion reason) { return kNames[static_cast<size_t>(reason)]; }

std::vector<std::pair<Exclusion, int64_t>> Selection::excluded() const {
  std::array<int64_t, kNames.size()> counts{};
  for (const Exclusion reason : exclusions) ++counts[static_cast<size_t>(reason)];
  std::vector<std::pair<Exclusion, int64_t>> found;
  for (size_t i = 1; i < counts.size(); ++i) {
    if (counts[i]) found.emplace_back(static_cast<Exclusion>(i), counts[i]);
  }
  return found;
}

Selection select_rows(const Manifest& manifest, const SelectOptions& options) {
  check_bad_samples(manifest, options);
  const Filter filter(manifest, options);
  Selection selection;
  selection.exclusions.reserve(static_cast<size_t>(manifest.size()));
  for (int64_t row = 0; row < manifest.size(); ++row) {
    selection.exclusions.push_back(filter.first_reason(row));
    if (selection.exclusions.back() == Exclusion::kNone) selection.rows.push_back(row);
  }
  return selection;
}

}  // namespace atelier
