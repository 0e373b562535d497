// Which rows of the manifest are used, and for each other row the first reason why not.
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "data/manifest/manifest.h"
#include "data/options/select_options.h"

namespace atelier {

/// In the order in which they are asked. (Posts that sexualise minors never reach the manifest.)
enum class Exclusion : uint8_t {
  kNone,
  kOptOutArtist,
  kOptOutSource,
  kOptOutPost,
  kBanned,  // by the site, at the artist's wish
  kQuarantine,
  kNoPicture,
  kMinSide,
  kMinMegapixels,
  kMaxMegapixels,
  kMaxAspect,
  kBytesPerPixel,
  kFormat,
  kDeleted,
  kPending,
  kRating,
  kMinScore,
  kMinFavCount,
  kYear,
  kTags,
  kDuplicate,
};
/// As in reports: "opt_out_artist".
std::string_view exclusion_name(Exclusion reason);

struct Selection {
  std::vector<int64_t> rows;          // kept, ascending
  std::vector<Exclusion> exclusions;  // of every row of the manifest

  /// Rows by reason, in the order of the enumeration; only reasons that occur, kNone left out.
  std::vector<std::pair<Exclusion, int64_t>> excluded() const;
  /// Rows whose artist, source or id is on a list of opt-outs, or that their site bans.
  int64_t opted_out() const;
};

/// Errors: ConfigError for a malformed tag expression or an unreadable list. (How many samples may be bad is asked when
/// the manifest is built or opened: refresh_manifest().)
///
/// `pictures_needed` false: posts whose picture is not here count as well if their record states its size.
Selection select_rows(const Manifest& manifest, const SelectOptions& options, bool pictures_needed = true);

}  // namespace atelier
