#include "trainer/cache/cache_key.h"

#include "configs/base/hash.h"

namespace atelier {
namespace {

constexpr uint64_t kSeeds[] = {0x61746c2d6b657931, 0x61746c2d6b657932};
/// Raised when the same picture would become other pixels: everything is encoded again.
constexpr int64_t kDecodingVersion = 1;

CacheKey key_of(const CacheKey& origin, const PictureView& view) {
  const Placement& at = view.placement;
  const std::array<int64_t, 11> numbers = {
      static_cast<int64_t>(origin.high),
      static_cast<int64_t>(origin.low),
      kDecodingVersion,
      at.resized_width,
      at.resized_height,
      at.crop_left,
      at.crop_top,
      at.width,
      at.height,
      at.flipped,
      view.background[0] << 16 | view.background[1] << 8 | view.background[2],
  };
  return cache_key(std::string_view(reinterpret_cast<const char*>(numbers.data()), sizeof numbers));
}

}  // namespace

CacheKey cache_key(std::string_view bytes) { return {hash64(bytes, kSeeds[0]), hash64(bytes, kSeeds[1])}; }

CacheKey sample_key(const FileStamp& file, const PictureView& view) {
  const CacheKey path = cache_key(file.path);
  const std::array<int64_t, 5> numbers = {static_cast<int64_t>(path.high), static_cast<int64_t>(path.low), file.offset,
                                          file.size, file.modified_ns};
  return key_of(cache_key(std::string_view(reinterpret_cast<const char*>(numbers.data()), sizeof numbers)), view);
}

CacheKey record_key(const CacheKey& content, const PictureView& view) { return key_of(content, view); }

}  // namespace atelier
