// Our half of tools/bench/decode.py: pictures decoded and resized, as often as is asked for.
//
//   decode-step SAVE_FILE WIDTH HEIGHT PICTURE...
//
// Says "ready SECONDS", then answers each line of stdin with "SECONDS CPU_SECONDS VALUE": "ours RUNS" decodes every
// picture into the bucket of WIDTH x HEIGHT as the loader does, "save RUNS" also writes the last one's RGB bytes to
// SAVE_FILE, "vips RUNS" is libvips' own thumbnail of the same size, "rows RUNS" and "vips-rows RUNS" only decode.
#include <vips/vips.h>

#include <string>
#include <vector>

#include "configs/base/atomic_file.h"
#include "data/bucket/crop.h"
#include "data/image/decode.h"
#include "data/image/pixel_rows.h"
#include "tools/bench/serve.h"

namespace atelier {
namespace {

class DecodeBench {
 public:
  explicit DecodeBench(const std::vector<std::string>& arguments)
      : save_to_(arguments[0]), width_(std::stoi(arguments[1])), height_(std::stoi(arguments[2])) {
    for (size_t i = 3; i < arguments.size(); ++i) files_.push_back(read_file(arguments[i]));
    rgb_.resize(static_cast<size_t>(width_) * static_cast<size_t>(height_) * 3);
  }

  double run(const std::string& mode) {
    for (const std::string& file : files_) {
      const auto bytes = std::as_bytes(std::span(file));
      const ImageInfo info = probe_image(bytes);
      if (mode == "vips") {
        vips_thumbnail(file, info);
      } else if (mode == "rows" || mode == "vips-rows") {
        read_rows(bytes, info, mode == "vips-rows");
      } else {
        decode_image_into(bytes, {}, placement(info), {rgb_});
      }
    }
    if (mode == "save") write_file_atomically(save_to_, {reinterpret_cast<const char*>(rgb_.data()), rgb_.size()});
    return rgb_[rgb_.size() / 2];
  }

 private:
  Placement placement(const ImageInfo& info) const {
    const ResizePlan plan = plan_resize(info.width, info.height, width_, height_);
    return {plan.resized_w, plan.resized_h, plan.crop_left, plan.crop_top, width_, height_};
  }

  void read_rows(std::span<const std::byte> bytes, const ImageInfo& info, bool by_vips) const {
    std::unique_ptr<PixelRows> rows;
    if (by_vips) {
      rows = open_vips_rows(bytes, info.format);
    } else if (info.format == ImageFormat::kJpeg) {
      rows = open_jpeg_rows(bytes, 1);
    } else if (info.format == ImageFormat::kWebp) {
      rows = open_webp_rows(bytes);
    } else {
      rows = open_vips_rows(bytes, info.format);
    }
    for (int32_t y = 0; y < rows->height(); ++y) rows->next();
    rows->finish();
  }

  void vips_thumbnail(const std::string& file, const ImageInfo& info) const {
    if (VIPS_INIT("decode-step") != 0) throw MachineError("libvips does not start");
    vips_concurrency_set(1);
    vips_cache_set_max(0);
    const ResizePlan plan = plan_resize(info.width, info.height, width_, height_);
    VipsImage* small = nullptr;
    if (vips_thumbnail_buffer(const_cast<char*>(file.data()), file.size(), &small, plan.resized_w, "height",
                              plan.resized_h, "size", VIPS_SIZE_FORCE, nullptr) != 0) {
      throw DataError(vips_error_buffer());
    }
    size_t size = 0;
    g_free(vips_image_write_to_memory(small, &size));
    g_object_unref(small);
  }

  std::string save_to_;
  int32_t width_, height_;
  std::vector<std::string> files_;
  std::vector<uint8_t> rgb_;
};

void run_decode_bench(const std::vector<std::string>& arguments) {
  DecodeBench bench(arguments);
  serve(/*load_seconds=*/0, [&](const std::string& mode) { return bench.run(mode); });
}

}  // namespace
}  // namespace atelier

int main(int argc, char** argv) {
  return atelier::bench_main(argc, argv, 4, 1000, "decode-step SAVE_FILE WIDTH HEIGHT PICTURE...",
                             atelier::run_decode_bench);
}
