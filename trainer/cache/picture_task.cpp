#include "trainer/cache/picture_task.h"

#include <array>
#include <span>
#include <string_view>

#include "configs/base/error.h"
#include "data/files/picture_bytes.h"

namespace atelier {
namespace {

std::vector<uint8_t> decode_view(std::span<const std::byte> file, const PictureView& view, int32_t width,
                                 int32_t height) {
  const Placement& placement = view.placement;
  std::vector<uint8_t> pixels(size_t{3} * static_cast<size_t>(placement.width) *
                              static_cast<size_t>(placement.height));
  const std::array<int32_t, 2> size =
      decode_image_into(file, {.background = view.background}, placement, {.rgb = pixels});
  if (size != std::array{width, height}) throw DataError("the picture has another size than in the manifest");
  return pixels;
}

}  // namespace

PreparedPicture prepare_picture(const FileStamp& file, const PictureView& view, int32_t width, int32_t height,
                                const std::function<bool(const CacheKey& record)>& is_cached) {
  PreparedPicture prepared;
  try {
    const PictureBytes bytes = picture_bytes(std::string(file.path), file.offset, file.size);
    const std::string_view content(reinterpret_cast<const char*>(bytes.bytes().data()), bytes.bytes().size());
    prepared.record = record_key(cache_key(content), view);
    if (!is_cached(prepared.record)) prepared.pixels = decode_view(bytes.bytes(), view, width, height);
  } catch (const DataError& fault) {
    prepared.bad_reason = fault.summary();
  }
  return prepared;
}

}  // namespace atelier
