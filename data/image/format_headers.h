// One header reader a format; data/image/image_info.h picks by magic bytes. Sizes are those stored, before orientation.
#pragma once

#include "data/image/header_bytes.h"
#include "data/image/image_info.h"

namespace atelier {

ImageInfo read_jpeg_header(const HeaderBytes& file);
ImageInfo read_png_header(const HeaderBytes& file);
ImageInfo read_webp_header(const HeaderBytes& file);
ImageInfo read_gif_header(const HeaderBytes& file);
/// Its sizes are upright: the container turns, not EXIF.
ImageInfo read_avif_header(const HeaderBytes& file);

}  // namespace atelier
