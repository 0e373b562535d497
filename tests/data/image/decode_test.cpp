// Against Pillow's decoding of the same files (tests/golden/images/README.md).
#include "data/image/decode.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "configs/base/atomic_file.h"
#include "configs/base/error.h"
#include "data/image/image_info.h"
#include "tests/data/image/golden_images.h"

namespace atelier {
namespace {

/// The largest difference of a byte that is right for a kind of file.
struct Case {
  const char* name;
  int tolerance;
};

class DecodingOf : public testing::TestWithParam<Case> {};

TEST_P(DecodingOf, GivesWhatPillowGives) {
  const auto [name, tolerance] = GetParam();
  const Ppm expected = read_ppm(std::string(name) + ".ppm");
  const Picture picture = decode_image(golden_image(name));
  EXPECT_EQ(picture.width, expected.width);
  EXPECT_EQ(picture.height, expected.height);
  EXPECT_EQ(picture.original_width, expected.width);
  EXPECT_EQ(picture.original_height, expected.height);
  EXPECT_LE(largest_difference(picture.rgb, expected.rgb), tolerance);
}

constexpr int kExact = 0;
constexpr int kRounding = 1;
INSTANTIATE_TEST_SUITE_P(
    , DecodingOf,
    testing::Values(Case{"rgb.png", kExact}, Case{"grey.png", kExact}, Case{"bits.png", kExact},
                    Case{"palette.png", kExact}, Case{"rgb16.png", kExact}, Case{"grey16.png", kExact},
                    Case{"rgba.png", kRounding}, Case{"grey_alpha.png", kRounding}, Case{"rgba16.png", kRounding},
                    Case{"profile.png", kRounding}, Case{"profile_broken.png", kExact}, Case{"rgb.jpg", kRounding},
                    Case{"progressive.jpg", kRounding}, Case{"444.jpg", kRounding}, Case{"grey.jpg", kRounding},
                    Case{"exif1.jpg", kRounding}, Case{"exif2.jpg", kRounding}, Case{"exif3.jpg", kRounding},
                    Case{"exif4.jpg", kRounding}, Case{"exif5.jpg", kRounding}, Case{"exif6.jpg", kRounding},
                    Case{"exif7.jpg", kRounding}, Case{"exif8.jpg", kRounding}, Case{"exif1.png", kExact},
                    Case{"exif6.png", kExact}, Case{"exif1.webp", kExact}, Case{"exif6.webp", kExact},
                    Case{"lossy.webp", kRounding}, Case{"alpha.webp", kRounding}, Case{"animated.webp", kExact},
                    Case{"animated.png", kExact}, Case{"animated.gif", kExact}, Case{"still.gif", kExact}),
    [](const auto& parameter) {
      std::string name = parameter.param.name;
      std::replace(name.begin(), name.end(), '.', '_');
      return name;
    });

/// The one picture of lossy.webp (40 x 30) as the only frame of an animation.
std::string animation_of_one_frame() {
  using namespace std::string_literals;
  const std::string still = read_file(golden_image("lossy.webp")), frame = still.substr(12);
  const auto little = [](size_t number, int bytes) {
    std::string out;
    for (int i = 0; i < bytes; ++i) out += static_cast<char>(number >> 8 * i);
    return out;
  };
  const auto chunk = [&](const std::string& name, const std::string& content) {
    return name + little(content.size(), 4) + content;
  };
  const std::string sides = little(40 - 1, 3) + little(30 - 1, 3);
  const std::string all = "WEBP" + chunk("VP8X", "\x02\0\0\0"s + sides) + chunk("ANIM", std::string(6, '\0')) +
                          chunk("ANMF", std::string(6, '\0') + sides + little(100, 3) + "\x02" + frame);
  return chunk("RIFF", all);
}

// Still by its one frame, but libwebp refuses animations of any length.
TEST(Decode, AnAnimatedWebpOfOneFrameIsAPicture) {
  const std::string file = animation_of_one_frame();
  const auto bytes = std::as_bytes(std::span(file));
  EXPECT_FALSE(probe_image(bytes).animated);
  EXPECT_LE(largest_difference(decode_image(bytes).rgb, read_ppm("lossy.webp.ppm").rgb), kRounding);
}

TEST(Decode, CompositesOnTheStatedColour) {
  const Picture picture = decode_image(golden_image("rgba.png"), {.background = parse_colour("#1020f0")});
  EXPECT_LE(largest_difference(picture.rgb, read_ppm("rgba.png.blue.ppm").rgb), kRounding);
}

TEST(Decode, CmykIsNotInverted) {
  const Picture picture = decode_image(golden_image("cmyk.jpg"));
  const uint8_t* row = picture.rgb.data() + 16 * 32 * 3;
  EXPECT_GT(row[4 * 3 + 1], 230) << "paper";
  EXPECT_LT(row[28 * 3 + 1], 60) << "black ink";
}

TEST(Decode, ColourIsReadAsWritten) {
  EXPECT_EQ(parse_colour("#1020f0"), (Rgb{0x10, 0x20, 0xF0}));
  for (const char* wrong : {"", "white", "#fff", "#12345g", "1020f0", "#1020f00"}) {
    EXPECT_THROW(parse_colour(wrong), ConfigError) << wrong;
  }
}

Placement whole(int32_t width, int32_t height) { return {width, height, 0, 0, width, height}; }

double psnr_of_resize(const char* picture, int32_t width, int32_t height, const char* expected) {
  return psnr(decode_image(golden_image(picture), {}, whole(width, height)).rgb, read_ppm(expected).rgb);
}

TEST(Resize, IsPillowsLanczosDownwards) {
  EXPECT_GT(psnr_of_resize("large.png", 100, 75, "large_100x75.ppm"), 40);
  EXPECT_GT(psnr_of_resize("large.png", 70, 120, "large_70x120.ppm"), 40);
}

TEST(Resize, IsPillowsBicubicUpwards) { EXPECT_GT(psnr_of_resize("rgb.png", 100, 75, "rgb_100x75.ppm"), 35); }

TEST(Resize, AJpegShrunkWhileDecodingLooksTheSame) {
  EXPECT_GT(psnr_of_resize("huge.jpg", 64, 48, "huge_64x48.ppm"), 35);
}

TEST(Crop, IsThePartOfTheUprightPicture) {
  for (int orientation = 1; orientation <= 8; ++orientation) {
    const auto path = golden_image("exif" + std::to_string(orientation) + ".jpg");
    const Picture all = decode_image(path);
    const Placement placement{all.width, all.height, 3, 5, 7, 9};
    std::vector<uint8_t> expected;
    for (int32_t y = 5; y < 14; ++y) {
      const auto from = all.rgb.begin() + (y * all.width + 3) * 3;
      expected.insert(expected.end(), from, from + 7 * 3);
    }
    const Picture crop = decode_image(path, {}, placement);
    EXPECT_EQ(crop.rgb, expected) << orientation;
    EXPECT_EQ(crop.original_width, all.width);
  }
}

TEST(Crop, OfAResizedPictureIsThePartOfTheWhole) {
  const auto path = golden_image("exif6.png");  // 16 x 24 upright
  const Picture all = decode_image(path, {}, whole(8, 12));
  const Picture crop = decode_image(path, {}, Placement{8, 12, 2, 1, 5, 10});
  for (int32_t y = 0; y < 10; ++y) {
    for (int32_t x = 0; x < 15; ++x) {
      ASSERT_EQ(crop.rgb[static_cast<size_t>(y * 15 + x)], all.rgb[static_cast<size_t>((y + 1) * 24 + 6 + x)]);
    }
  }
}

TEST(Damage, AMissingEndMarkerAloneIsHarmless) {
  for (const char* name : {"rgb.jpg", "progressive.jpg", "rgb.png"}) {
    std::string bytes = read_file(golden_image(name));
    bytes.resize(bytes.size() - (bytes[0] == '\x89' ? 12 : 2));
    const ScratchFile file(name, bytes);
    EXPECT_EQ(decode_image(file.path()).rgb, decode_image(golden_image(name)).rgb) << name;
  }
}

TEST(Damage, MissingPixelsAreAnErrorThatNamesTheFile) {
  for (const char* name :
       {"rgb.jpg", "444.jpg", "huge.jpg", "rgb.png", "large.png", "lossy.webp", "alpha.webp", "still.gif"}) {
    const std::string bytes = read_file(golden_image(name));
    for (const double share : {0.5, 0.7, 0.9, 0.97}) {
      const ScratchFile file(name, bytes.substr(0, static_cast<size_t>(share * static_cast<double>(bytes.size()))));
      try {
        decode_image(file.path());
        ADD_FAILURE() << name << " cut to " << share << " was decoded";
      } catch (const DataError& error) {
        EXPECT_EQ(error.where(), file.path()) << error.what();
      }
    }
  }
}

TEST(Damage, MissingPixelsOfTheLastLinesAreAnErrorToo) {
  for (const char* name : {"rgb.jpg", "444.jpg", "grey.jpg", "progressive.jpg", "huge.jpg"}) {
    const std::string bytes = read_file(golden_image(name));
    for (size_t cut = 16; cut < 200; cut += 23) {
      const ScratchFile file(name, bytes.substr(0, bytes.size() - cut));
      EXPECT_THROW(decode_image(file.path()), DataError) << name << " without its last " << cut << " bytes";
      EXPECT_THROW(decode_image(file.path(), {}, whole(8, 6)), DataError) << name << ", shrunk";
    }
  }
}

TEST(Damage, TooManyPixelsAreRefusedBeforeDecoding) {
  EXPECT_THROW(decode_image(golden_image("large.png"), {.max_pixels = 256 * 192 - 1}), DataError);
  EXPECT_NO_THROW(decode_image(golden_image("large.png"), {.max_pixels = 256 * 192}));
}

TEST(Damage, ASliverIsRefusedBeforeItFillsTheMemory) {
  EXPECT_THROW(decode_image(golden_image("rgb.png"), {}, Placement{512, 1 << 20, 0, 0, 512, 2048}), DataError);
}

TEST(Decode, ManyThreadsGiveTheSame) {
  const Picture alone = decode_image(golden_image("huge.jpg"), {}, whole(100, 75));
  std::vector<Picture> pictures(8);
  std::vector<std::thread> threads;
  for (Picture& picture : pictures) {
    threads.emplace_back([&] { picture = decode_image(golden_image("huge.jpg"), {}, whole(100, 75)); });
  }
  for (std::thread& thread : threads) thread.join();
  for (const Picture& picture : pictures) EXPECT_EQ(picture.rgb, alone.rgb);
}

}  // namespace
}  // namespace atelier
