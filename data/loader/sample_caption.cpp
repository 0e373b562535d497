#include "data/loader/sample_caption.h"

#include <string_view>
#include <vector>

#include "data/caption/caption.h"

namespace atelier {
namespace {

std::vector<std::string_view> tag_names(const Manifest& manifest, int64_t row, TagCategory category) {
  std::vector<std::string_view> names;
  for (const int32_t id : manifest.tags(row, category)) names.push_back(manifest.dictionary().name(id));
  return names;
}

}  // namespace

std::string sample_caption(const Manifest& manifest, int64_t row, const CaptionOptions& options, uint64_t seed,
                           int64_t epoch, int64_t repeat) {
  CaptionSource source;
  if (const std::string_view own = manifest.caption(row); !own.empty()) {
    source.caption = own;
  } else {
    source.artist = tag_names(manifest, row, TagCategory::kArtist);
    source.character = tag_names(manifest, row, TagCategory::kCharacter);
    source.copyright = tag_names(manifest, row, TagCategory::kCopyright);
    source.general = tag_names(manifest, row, TagCategory::kGeneral);
    source.meta = tag_names(manifest, row, TagCategory::kMeta);
    const Rating rating = manifest.rating(row);
    if (rating != Rating::kUnknown) source.rating = kRatingNames[static_cast<size_t>(rating)];
  }
  return make_caption(source, options, {seed, manifest.id(row), epoch, repeat});
}

}  // namespace atelier
