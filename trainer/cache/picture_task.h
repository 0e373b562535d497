// One picture on its way into the latent cache: read, recognised by its content, decoded where it is new.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "trainer/cache/cache_key.h"

namespace atelier {

struct PreparedPicture {
  CacheKey record;              // of its content and view
  std::vector<uint8_t> pixels;  // [H, W, 3] sRGB; empty: the cache has the record, or the picture is bad
  std::string bad_reason;       // why it cannot be used; empty: it can
};

/// Reads `file`, whose upright size the manifest says to be `width` x `height`, and decodes what `view` shows of it
/// unless `is_cached` knows its record. Thread-safe if `is_cached` is.
PreparedPicture prepare_picture(const FileStamp& file, const PictureView& view, int32_t width, int32_t height,
                                const std::function<bool(const CacheKey& record)>& is_cached);

}  // namespace atelier
