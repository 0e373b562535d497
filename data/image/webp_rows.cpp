// libwebp: the picture is decoded as a whole, for its filters look back; half as long as through libvips.
#include <webp/decode.h>
#include <webp/demux.h>

#include <vector>

#include "configs/base/error.h"
#include "data/image/colour_profile.h"
#include "data/image/pixel_rows.h"

namespace atelier {
namespace {

using Demuxer = std::unique_ptr<WebPDemuxer, decltype([](WebPDemuxer* demuxer) { WebPDemuxDelete(demuxer); })>;

const uint8_t* data_of(std::span<const std::byte> file) { return reinterpret_cast<const uint8_t*>(file.data()); }

std::unique_ptr<ColourProfile> embedded_profile(std::span<const std::byte> file) {
  const WebPData data{data_of(file), file.size()};
  const Demuxer demuxer(WebPDemux(&data));
  WebPChunkIterator chunk{};
  if (!demuxer || !WebPDemuxGetChunk(demuxer.get(), "ICCP", 1, &chunk)) return nullptr;
  auto profile = ColourProfile::read(std::as_bytes(std::span(chunk.chunk.bytes, chunk.chunk.size)), PixelLayout::kRgba);
  WebPDemuxReleaseChunkIterator(&chunk);
  return profile;
}

class WebpRows final : public PixelRows {
 public:
  explicit WebpRows(std::span<const std::byte> file) : profile_(embedded_profile(file)) {
    WebPBitstreamFeatures features;
    if (WebPGetFeatures(data_of(file), file.size(), &features) != VP8_STATUS_OK) fail();
    width_ = features.width;
    height_ = features.height;
    if (features.has_alpha != 0) form_ = PixelForm::kRgba;
    const size_t stride = static_cast<size_t>(width_) * 4;
    rgba_.resize(stride * static_cast<size_t>(height_));
    if (!WebPDecodeRGBAInto(data_of(file), file.size(), rgba_.data(), rgba_.size(), static_cast<int>(stride))) fail();
  }

  uint8_t* next() override {
    uint8_t* line = rgba_.data() + static_cast<size_t>(line_++) * static_cast<size_t>(width_) * 4;
    if (profile_) profile_->to_srgb(line, line, width_);
    return line;
  }

 private:
  [[noreturn]] static void fail() { throw DataError("the WebP's data is damaged or cut short"); }

  std::unique_ptr<ColourProfile> profile_;
  std::vector<uint8_t> rgba_;
  int32_t line_ = 0;
};

}  // namespace

std::unique_ptr<PixelRows> open_webp_rows(std::span<const std::byte> file) {
  WebPBitstreamFeatures features;
  const bool is_known = WebPGetFeatures(data_of(file), file.size(), &features) == VP8_STATUS_OK;
  if (is_known && features.has_animation != 0) return open_vips_rows(file, ImageFormat::kWebp);
  return std::make_unique<WebpRows>(file);
}

}  // namespace atelier
