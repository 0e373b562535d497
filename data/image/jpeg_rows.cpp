// libjpeg-turbo. It reports errors by a jump out of its own code: each call of it stands in guarded(), which holds
// nothing that would need destruction.
#include <algorithm>
#include <array>
#include <csetjmp>
#include <cstdio>  // jpeglib.h needs it before
#include <cstdlib>
#include <string>
#include <vector>

#include <jpeglib.h>

#include "configs/base/error.h"
#include "data/image/colour_profile.h"
#include "data/image/pixel_rows.h"

namespace atelier {
namespace {

constexpr size_t kPlanes = 3;  // of YCbCr

struct ErrorManager {
  jpeg_error_mgr base;  // first: libjpeg knows only this
  std::jmp_buf back;
  char message[JMSG_LENGTH_MAX] = {};  // of the error, or of the first warning
};

ErrorManager& manager(j_common_ptr codec) { return *reinterpret_cast<ErrorManager*>(codec->err); }

[[noreturn]] void on_error(j_common_ptr codec) {
  codec->err->format_message(codec, manager(codec).message);
  std::longjmp(manager(codec).back, 1);
}

void on_message(j_common_ptr codec, int level) {
  if (level >= 0) return;  // traces
  if (codec->err->num_warnings++ == 0) codec->err->format_message(codec, manager(codec).message);
}

/// Behind the end of the data stands an end marker: all of the scan's pixels are there, or decoding warns.
boolean give_end_marker(j_decompress_ptr codec) {
  *static_cast<bool*>(codec->client_data) = true;
  static constexpr JOCTET kEnd[] = {0xFF, JPEG_EOI};
  codec->src->next_input_byte = kEnd;
  codec->src->bytes_in_buffer = sizeof kEnd;
  return TRUE;
}

/// Ink to light without a profile, as browsers and Pillow do.
void simple_cmyk_to_rgba(uint8_t* pixels, int32_t count, bool inverted) {
  for (uint8_t* pixel = pixels; pixel != pixels + 4 * static_cast<ptrdiff_t>(count); pixel += 4) {
    const int light_of_black = inverted ? pixel[3] : 255 - pixel[3];
    for (int c = 0; c < 3; ++c) {
      const int light = inverted ? pixel[c] : 255 - pixel[c];
      pixel[c] = static_cast<uint8_t>((light * light_of_black + 127) / 255);
    }
    pixel[3] = 255;
  }
}

class JpegRows final : public PixelRows {
 public:
  JpegRows(std::span<const std::byte> file, int shrink) {
    codec_.err = jpeg_std_error(&errors_.base);
    errors_.base.error_exit = on_error;
    errors_.base.emit_message = on_message;
    try {
      start(file, shrink);
    } catch (...) {
      jpeg_destroy_decompress(&codec_);
      throw;
    }
  }
  ~JpegRows() override { jpeg_destroy_decompress(&codec_); }

  uint8_t* next() override {
    if (form_ == PixelForm::kYcc) return next_planes();
    uint8_t* line = line_.data();
    guarded([&] { jpeg_read_scanlines(&codec_, &line, 1); });
    throw_warning();
    if (profile_) {
      profile_->to_srgb(line, rgba_.data(), width_);
      return rgba_.data();
    }
    if (codec_.out_color_space == JCS_CMYK) simple_cmyk_to_rgba(line, width_, codec_.saw_Adobe_marker);
    return line;
  }

  void finish() override {
    if (is_cut_ && !has_all_scans()) throw DataError("the JPEG's last scans are missing");
    guarded([&] { jpeg_finish_decompress(&codec_); });
    throw_warning();
  }

 private:
  template <typename Call>
  void guarded(Call call) {
    if (setjmp(errors_.back) != 0) throw DataError(errors_.message);
    call();
  }

  void throw_warning() const {
    if (errors_.base.num_warnings > 0) throw DataError(errors_.message);
  }

  /// Of a picture without its end: whether every coefficient of a progressive one came to its last bit.
  bool has_all_scans() {
    if (!jpeg_has_multiple_scans(&codec_)) return true;
    if (!codec_.progressive_mode) return false;
    for (int c = 0; c < codec_.num_components; ++c) {
      for (int i = 0; i < DCTSIZE2; ++i) {
        if (codec_.coef_bits[c][i] != 0) return false;
      }
    }
    return true;
  }

  void start(std::span<const std::byte> file, int shrink) {
    guarded([&] {
      jpeg_create_decompress(&codec_);
      codec_.client_data = &is_cut_;
      jpeg_mem_src(&codec_, reinterpret_cast<const unsigned char*>(file.data()), file.size());
      codec_.src->fill_input_buffer = give_end_marker;
      jpeg_save_markers(&codec_, JPEG_APP0 + 2, 0xFFFF);  // ICC profiles
      jpeg_read_header(&codec_, TRUE);
    });
    errors_.base.num_warnings = 0;  // odd metadata
    choose_colours();
    guarded([&] {
      codec_.scale_num = 1;
      codec_.scale_denom = static_cast<unsigned>(shrink);
      jpeg_calc_output_dimensions(&codec_);
      if (has_whole_planes()) codec_.raw_data_out = TRUE;
      jpeg_start_decompress(&codec_);
    });
    throw_warning();
    width_ = static_cast<int32_t>(codec_.output_width);
    height_ = static_cast<int32_t>(codec_.output_height);
    if (codec_.raw_data_out) return prepare_planes(shrink);
    line_.resize(static_cast<size_t>(codec_.output_width) * static_cast<size_t>(codec_.output_components));
    if (profile_) rgba_.resize(static_cast<size_t>(codec_.output_width) * 4);
  }

  /// 4:4:4 is so at any size; 4:2:0 if it is shrunk, for then colour is shrunk by half as much.
  bool has_whole_planes() const {
    if (codec_.jpeg_color_space != JCS_YCbCr || profile_) return false;
    return std::all_of(codec_.comp_info, codec_.comp_info + kPlanes, [&](const jpeg_component_info& plane) {
      return plane.downsampled_width == codec_.output_width && plane.downsampled_height == codec_.output_height;
    });
  }

  /// libjpeg gives the lines of a row of its blocks at once.
  void prepare_planes(int shrink) {
    form_ = PixelForm::kYcc;
    const auto width = static_cast<size_t>(padded_width(width_));
    const auto lines = static_cast<size_t>(codec_.max_v_samp_factor * (DCTSIZE / shrink));
    line_.resize(lines * kPlanes * width);
    for (size_t c = 0; c < kPlanes; ++c) {
      for (size_t i = 0; i < lines; ++i) plane_lines_[c].push_back(line_.data() + (i * kPlanes + c) * width);
    }
  }

  uint8_t* next_planes() {
    const size_t lines = plane_lines_[0].size();
    if (next_line_ % lines == 0) {
      JSAMPARRAY planes[kPlanes] = {plane_lines_[0].data(), plane_lines_[1].data(), plane_lines_[2].data()};
      guarded([&] { jpeg_read_raw_data(&codec_, planes, static_cast<JDIMENSION>(lines)); });
      throw_warning();
    }
    return plane_lines_[0][next_line_++ % lines];
  }

  void choose_colours() {
    switch (codec_.jpeg_color_space) {
      case JCS_GRAYSCALE:
        profile_ = embedded_profile(PixelLayout::kGrey);
        codec_.out_color_space = profile_ ? JCS_GRAYSCALE : JCS_EXT_RGBA;
        return;
      case JCS_YCbCr:
      case JCS_RGB:
        profile_ = embedded_profile(PixelLayout::kRgba);
        codec_.out_color_space = JCS_EXT_RGBA;
        return;
      case JCS_CMYK:
      case JCS_YCCK:  // Adobe's programs store ink inverted, and say so by their marker
        profile_ = embedded_profile(codec_.saw_Adobe_marker ? PixelLayout::kInvertedCmyk : PixelLayout::kCmyk);
        codec_.out_color_space = JCS_CMYK;
        return;
      default: throw DataError("a JPEG of unknown colours");
    }
  }

  std::unique_ptr<ColourProfile> embedded_profile(PixelLayout layout) {
    JOCTET* icc = nullptr;
    unsigned size = 0;
    guarded([&] { jpeg_read_icc_profile(&codec_, &icc, &size); });
    errors_.base.num_warnings = 0;  // of a profile in pieces that do not fit
    const std::unique_ptr<JOCTET, decltype([](JOCTET* bytes) { std::free(bytes); })> owner(icc);
    return icc ? ColourProfile::read(std::as_bytes(std::span(icc, size)), layout) : nullptr;
  }

  ErrorManager errors_;
  bool is_cut_ = false;  // the data ended without an end marker
  jpeg_decompress_struct codec_{};
  std::unique_ptr<ColourProfile> profile_;
  std::vector<uint8_t> line_, rgba_;
  std::array<std::vector<JSAMPROW>, kPlanes> plane_lines_;  // of a row of blocks, in line_: [lines, planes, width]
  size_t next_line_ = 0;
};

}  // namespace

std::unique_ptr<PixelRows> open_jpeg_rows(std::span<const std::byte> file, int shrink) {
  return std::make_unique<JpegRows>(file, shrink);
}

}  // namespace atelier
