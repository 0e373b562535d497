#include "models/image_io/png.h"

#include <png.h>

#include <algorithm>
#include <csetjmp>
#include <new>
#include <string>

#include "configs/base/atomic_file.h"
#include "configs/base/error.h"
#include "configs/base/text.h"

namespace atelier {
namespace {

// Owns libpng's two structures. Errors jump back to encode(), never as an exception through libpng's C frames. They
// become a MachineError: what is written is ours, so only memory can fail.
class PngWriter {
 public:
  PngWriter()
      : png_(png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr)),
        info_(png_ ? png_create_info_struct(png_) : nullptr) {
    if (!info_) {
      png_destroy_write_struct(&png_, nullptr);
      throw MachineError("out of memory", "PNG encoder");
    }
    png_set_write_fn(png_, &bytes_, append, nullptr);
  }
  ~PngWriter() { png_destroy_write_struct(&png_, &info_); }
  PngWriter(const PngWriter&) = delete;
  PngWriter& operator=(const PngWriter&) = delete;

  std::string encode(std::span<const uint8_t> rgb, int64_t width, int64_t height, const std::vector<PngText>& texts) {
    if (setjmp(png_jmpbuf(png_))) throw MachineError("out of memory", "PNG encoder");
    png_set_IHDR(png_, info_, static_cast<png_uint_32>(width), static_cast<png_uint_32>(height), 8, PNG_COLOR_TYPE_RGB,
                 PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_set_sRGB(png_, info_, PNG_sRGB_INTENT_PERCEPTUAL);
    for (const PngText& entry : texts) set_text(entry);
    png_write_info(png_, info_);
    for (int64_t y = 0; y < height; ++y) png_write_row(png_, rgb.data() + static_cast<size_t>(y * width * 3));
    png_write_end(png_, info_);
    return std::move(bytes_);
  }

 private:
  static void append(png_structp png, png_bytep data, size_t size) {
    try {
      static_cast<std::string*>(png_get_io_ptr(png))->append(reinterpret_cast<const char*>(data), size);
      return;
    } catch (const std::bad_alloc&) {
    }
    png_error(png, "out of memory");
  }

  void set_text(const PngText& entry) {
    const bool ascii = std::all_of(entry.text.begin(), entry.text.end(), [](char c) { return (c & 0x80) == 0; });
    png_text chunk{};
    chunk.compression = ascii ? PNG_TEXT_COMPRESSION_NONE : PNG_ITXT_COMPRESSION_NONE;
    chunk.key = const_cast<char*>(entry.keyword.c_str());  // libpng copies both
    chunk.text = const_cast<char*>(entry.text.c_str());
    (ascii ? chunk.text_length : chunk.itxt_length) = entry.text.size();
    png_set_text(png_, info_, &chunk, 1);
  }

  png_structp png_;
  png_infop info_;
  std::string bytes_;
};

}  // namespace

void write_png(const std::filesystem::path& path, std::span<const uint8_t> rgb, int64_t width, int64_t height,
               const std::vector<PngText>& texts) {
  write_file_atomically(path, PngWriter().encode(rgb, width, height, texts));
}

}  // namespace atelier
