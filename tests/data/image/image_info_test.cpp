#include "data/image/image_info.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <span>
#include <string>

#include "configs/base/atomic_file.h"
#include "configs/base/error.h"
#include "tests/data/image/golden_images.h"

namespace atelier {
namespace {

using namespace std::string_literals;
using testing::HasSubstr;
using testing::Property;
using testing::Throws;

ImageInfo probe(const std::string& bytes) { return probe_image(std::as_bytes(std::span(bytes))); }

struct Case {
  const char* name;
  ImageFormat format;
  int32_t width, height, orientation;
  bool animated;
};

class ProbeOf : public testing::TestWithParam<Case> {};

TEST_P(ProbeOf, SaysWhatTheFileWasMadeAs) {
  const Case& expected = GetParam();
  const ImageInfo info = probe_image(golden_image(expected.name));
  EXPECT_EQ(info.format, expected.format);
  EXPECT_EQ(info.width, expected.width);
  EXPECT_EQ(info.height, expected.height);
  EXPECT_EQ(info.orientation, expected.orientation);
  EXPECT_EQ(info.animated, expected.animated);
  EXPECT_FALSE(info.truncated);
}

INSTANTIATE_TEST_SUITE_P(, ProbeOf,
                         testing::Values(Case{"rgb.png", ImageFormat::kPng, 40, 30, 1, false},
                                         Case{"palette.png", ImageFormat::kPng, 40, 30, 1, false},
                                         Case{"animated.png", ImageFormat::kPng, 40, 30, 1, true},
                                         Case{"exif6.png", ImageFormat::kPng, 16, 24, 6, false},
                                         Case{"rgb.jpg", ImageFormat::kJpeg, 50, 34, 1, false},
                                         Case{"progressive.jpg", ImageFormat::kJpeg, 50, 34, 1, false},
                                         Case{"cmyk.jpg", ImageFormat::kJpeg, 32, 32, 1, false},
                                         Case{"exif3.jpg", ImageFormat::kJpeg, 24, 16, 3, false},
                                         Case{"exif5.jpg", ImageFormat::kJpeg, 16, 24, 5, false},
                                         Case{"exif8.jpg", ImageFormat::kJpeg, 16, 24, 8, false},
                                         Case{"lossy.webp", ImageFormat::kWebp, 40, 30, 1, false},
                                         Case{"alpha.webp", ImageFormat::kWebp, 40, 30, 1, false},
                                         Case{"animated.webp", ImageFormat::kWebp, 40, 30, 1, true},
                                         Case{"exif6.webp", ImageFormat::kWebp, 16, 24, 6, false},
                                         Case{"still.gif", ImageFormat::kGif, 40, 30, 1, false},
                                         Case{"animated.gif", ImageFormat::kGif, 40, 30, 1, true}),
                         [](const auto& name) {
                           std::string text = name.param.name;
                           std::replace(text.begin(), text.end(), '.', '_');
                           return text;
                         });

TEST(Probe, SeesAMissingEndMarker) {
  for (const char* name : {"rgb.jpg", "progressive.jpg", "rgb.png", "lossy.webp", "still.gif"}) {
    std::string bytes = read_file(golden_image(name));
    EXPECT_FALSE(probe(bytes).truncated) << name;
    EXPECT_FALSE(probe(bytes + "trailer").truncated) << name << " with bytes behind its end";
    bytes.resize(bytes.size() - 12);
    EXPECT_TRUE(probe(bytes).truncated) << name;
  }
}

TEST(Probe, AnEndMarkerInsideTheExifThumbnailIsNotTheEnd) {
  std::string bytes = read_file(golden_image("exif3.jpg"));
  const std::string thumbnail = "\xFF\xE2\x00\x06\xFF\xD8\xFF\xD9"s;  // an APP2 segment that holds both markers
  bytes.insert(2, thumbnail);
  EXPECT_FALSE(probe(bytes).truncated);
  bytes.resize(bytes.size() - 2);
  EXPECT_TRUE(probe(bytes).truncated);
}

TEST(Probe, NamesWhatIsNoPicture) {
  const auto reason = [](const char* part) { return Throws<DataError>(Property(&Error::summary, HasSubstr(part))); };
  EXPECT_THAT([] { probe(""); }, reason("empty"));
  EXPECT_THAT([] { probe("<!DOCTYPE html>"); }, reason("HTML"));
  EXPECT_THAT([] { probe("1girl, solo\n"); }, reason("not a picture"));
  EXPECT_THAT([] { probe("\0\0\0\x1c"s + "ftypavif"); }, reason("AVIF"));
  EXPECT_THAT([] { probe("\xFF\xD8\xFF\xE0"); }, reason("cut short"));
}

TEST(Probe, ErrorsNameTheFile) {
  const ScratchFile file("text.png", "no picture at all");
  const auto names_file = Throws<DataError>(Property(&Error::where, file.path().string()));
  EXPECT_THAT([&] { probe_image(file.path()); }, names_file);
  EXPECT_THROW(probe_image(file.path().string() + ".absent"), DataError);
}

TEST(Probe, EveryCutOfAFileIsAnErrorOrTruncated) {
  for (const char* name : {"exif6.jpg", "exif6.png", "exif6.webp", "animated.webp", "animated.gif", "palette.png"}) {
    const std::string bytes = read_file(golden_image(name));
    for (size_t size = 0; size < bytes.size(); ++size) {
      try {
        const ImageInfo info = probe(bytes.substr(0, size));
        EXPECT_TRUE(info.truncated || info.animated || size + 12 > bytes.size()) << name << " cut to " << size;
      } catch (const DataError&) {
      }
    }
  }
}

TEST(Probe, DamagedBytesNeverCrash) {
  for (const char* name : {"exif6.jpg", "exif6.png", "exif6.webp", "animated.webp", "animated.gif"}) {
    const std::string bytes = read_file(golden_image(name));
    for (size_t at = 0; at < bytes.size(); ++at) {
      for (const char value : {'\0', '\x7F', '\xFF'}) {
        std::string damaged = bytes;
        damaged[at] = value;
        try {
          const ImageInfo info = probe(damaged);
          EXPECT_GT(info.width, 0);
          EXPECT_GE(info.orientation, 1);
          EXPECT_LE(info.orientation, 8);
        } catch (const DataError&) {
        }
      }
    }
  }
}

}  // namespace
}  // namespace atelier
