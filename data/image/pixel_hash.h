// Danbooru's own hash of a picture's pixels: equal for files that show exactly the same.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace atelier {

/// 32 hex digits, to be compared with the site's `pixel_hash`: the MD5 of the picture as a PAM file with alpha ("P7",
/// RGB_ALPHA, 8 bits), upright, its embedded profile converted to sRGB; of an animated picture the file's own MD5.
/// Profiles are converted by Little CMS with perceptual intent: the site's value may differ where one is embedded.
/// Errors: DataError for what cannot be decoded, or has more than max_pixels.
std::string pixel_hash(std::span<const std::byte> file, int64_t max_pixels = int64_t{512} << 20);

}  // namespace atelier
