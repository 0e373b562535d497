// What a cached record is found by: 128 bits of hash.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <string_view>

#include "data/image/decode.h"

namespace atelier {

/// Laid out as it lies in files: two little-endian u64. Keys are hashes, so they are spread evenly.
struct CacheKey {
  uint64_t high = 0, low = 0;

  auto operator<=>(const CacheKey&) const = default;
};

/// XXH3-64 of `bytes` under two seeds. Does not allocate.
CacheKey cache_key(std::string_view bytes);

/// Which bytes a picture is, told without reading them: a changed file differs in one of these.
struct FileStamp {
  std::string_view path;  // absolute
  int64_t offset = 0;     // bytes before the picture
  int64_t size = 0;       // bytes
  int64_t modified_ns = 0;
};

/// What becomes of its pixels before they are encoded.
struct PictureView {
  Placement placement;
  Rgb background = {};  // behind transparent pixels
};

/// Of one view of one file, as the manifest knows it: computed for every sample that training asks for. Does not
/// allocate.
CacheKey sample_key(const FileStamp& file, const PictureView& view);

/// Of one view of a content: the same picture elsewhere, or under another name, has the same. `content`: cache_key of
/// its bytes.
CacheKey record_key(const CacheKey& content, const PictureView& view);

}  // namespace atelier
