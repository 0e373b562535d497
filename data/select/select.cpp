#include "data/select/select.h"

#include <algorithm>
#include <array>

#include "configs/base/log.h"
#include "configs/base/thread_pool.h"
#include "data/select/opt_out.h"
#include "data/select/quarantine_list.h"
#include "data/select/tag_expression.h"

namespace atelier {
namespace {

constexpr std::array<std::string_view, 21> kNames = {
    "none",       "opt_out_artist", "opt_out_source", "opt_out_post",   "banned",     "quarantine",
    "no_picture", "min_side",       "min_megapixels", "max_megapixels", "max_aspect", "bytes_per_pixel",
    "format",     "deleted",        "pending",        "rating",         "min_score",  "min_fav_count",
    "year",       "tags",           "duplicate"};

std::array<bool, kRatingCount> flags_of(const std::vector<std::string>& ratings) {
  std::array<bool, kRatingCount> flags{};
  for (size_t i = 0; i < flags.size(); ++i) flags[i] = std::ranges::find(ratings, kRatingNames[i]) != ratings.end();
  return flags;
}

/// The options, made ready to ask row by row, in several threads.
class Filter {
 public:
  Filter(const Manifest& manifest, const SelectOptions& options, bool pictures_needed)
      : manifest_(manifest),
        options_(options),
        pictures_needed_(pictures_needed),
        opt_outs_(manifest, options.opt_out),
        quarantine_(options.quarantine ? QuarantineList(*options.quarantine) : QuarantineList()),
        expression_(options.tags, manifest.dictionary(), "dataset.select.tags"),
        ratings_(flags_of(options.ratings)) {}

  bool has_quarantine() const { return !quarantine_.empty(); }

  Exclusion first_reason(int64_t row) const {
    if (const Exclusion reason = by_opt_out(row); reason != Exclusion::kNone) return reason;
    if (!quarantine_.empty() && quarantine_.contains(manifest_, row)) return Exclusion::kQuarantine;
    if (!has_picture(row)) return Exclusion::kNoPicture;
    if (const Exclusion reason = by_size(row); reason != Exclusion::kNone) return reason;
    if (const Exclusion reason = by_file(row); reason != Exclusion::kNone) return reason;
    if (const Exclusion reason = by_record(row); reason != Exclusion::kNone) return reason;
    return expression_.matches(manifest_, row) ? Exclusion::kNone : Exclusion::kTags;
  }

 private:
  bool has_picture(int64_t row) const {
    if (!manifest_.path(row).empty()) return true;
    return !pictures_needed_ && manifest_.width(row) > 0 && manifest_.height(row) > 0;
  }

  Exclusion by_opt_out(int64_t row) const {
    const std::optional<OptOut> found = opt_outs_.find(row);
    if (!found) return Exclusion::kNone;
    switch (*found) {
      case OptOut::kArtist: return Exclusion::kOptOutArtist;
      case OptOut::kSource: return Exclusion::kOptOutSource;
      case OptOut::kPost: return Exclusion::kOptOutPost;
      case OptOut::kBanned: return Exclusion::kBanned;
    }
    return Exclusion::kNone;
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

  Exclusion by_file(int64_t row) const {
    const double pixels = static_cast<double>(manifest_.width(row)) * manifest_.height(row);
    const double density = static_cast<double>(manifest_.file_size(row)) / pixels;
    if (options_.min_bytes_per_pixel && !(density >= *options_.min_bytes_per_pixel)) return Exclusion::kBytesPerPixel;
    if (options_.max_bytes_per_pixel && !(density <= *options_.max_bytes_per_pixel)) return Exclusion::kBytesPerPixel;
    if (options_.formats.empty()) return Exclusion::kNone;
    if (manifest_.path(row).empty()) return Exclusion::kFormat;  // planned without its picture: it is not known
    const std::string_view format = image_format_name(manifest_.format(row));
    const bool wanted = std::ranges::find(options_.formats, format) != options_.formats.end();
    return wanted ? Exclusion::kNone : Exclusion::kFormat;
  }

  Exclusion by_record(int64_t row) const {
    if (!options_.keep_deleted && manifest_.is_deleted(row)) return Exclusion::kDeleted;
    if (!options_.keep_pending && manifest_.is_pending(row)) return Exclusion::kPending;
    if (!options_.ratings.empty() && !ratings_[static_cast<size_t>(manifest_.rating(row))]) return Exclusion::kRating;
    // A post without a score fails every minimum, one without a date every range of years.
    if (options_.min_score && !(manifest_.score(row) >= options_.min_score)) return Exclusion::kMinScore;
    if (options_.min_fav_count && !(manifest_.fav_count(row) >= options_.min_fav_count)) return Exclusion::kMinFavCount;
    if (!options_.min_year && !options_.max_year) return Exclusion::kNone;
    const std::optional<int32_t> year = manifest_.year(row);
    const bool wanted = year && (!options_.min_year || *year >= *options_.min_year) &&
                        (!options_.max_year || *year <= *options_.max_year);
    return wanted ? Exclusion::kNone : Exclusion::kYear;
  }

  const Manifest& manifest_;
  const SelectOptions& options_;
  const bool pictures_needed_;
  OptOutLists opt_outs_;
  QuarantineList quarantine_;
  TagExpression expression_;
  std::array<bool, kRatingCount> ratings_;
};

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

int64_t Selection::opted_out() const {
  return std::ranges::count_if(exclusions, [](Exclusion reason) {
    return reason == Exclusion::kOptOutArtist || reason == Exclusion::kOptOutSource ||
           reason == Exclusion::kOptOutPost || reason == Exclusion::kBanned;
  });
}

Selection select_rows(const Manifest& manifest, const SelectOptions& options, bool pictures_needed) {
  const Filter filter(manifest, options, pictures_needed);
  Selection selection;
  selection.exclusions.resize(static_cast<size_t>(manifest.size()));
  parallel_for(manifest.size(), 0,
               [&](int64_t row) { selection.exclusions[static_cast<size_t>(row)] = filter.first_reason(row); });
  const bool listed = std::ranges::find(selection.exclusions, Exclusion::kQuarantine) != selection.exclusions.end();
  if (filter.has_quarantine() && !listed) {
    log_warning("no sample is on the list ", *options.quarantine, " (dataset.select.quarantine)");
  }
  const auto kept = std::ranges::count(selection.exclusions, Exclusion::kNone);
  selection.rows.reserve(static_cast<size_t>(kept));
  for (int64_t row = 0; row < manifest.size(); ++row) {
    if (selection.exclusions[static_cast<size_t>(row)] == Exclusion::kNone) selection.rows.push_back(row);
  }
  return selection;
}

}  // namespace atelier
