#include "data/image/exif.h"

#include <string_view>

#include "data/image/header_bytes.h"

namespace atelier {
namespace {

constexpr uint32_t kOrientationTag = 0x0112;
constexpr uint32_t kShortType = 3;
constexpr size_t kEntrySize = 12;

int32_t read_orientation(const HeaderBytes& tiff) {
  const bool little = tiff.matches(0, "II");
  if (!little && !tiff.matches(0, "MM")) return 1;
  const auto number = [&](size_t offset, size_t count) {
    return little ? tiff.little(offset, count) : tiff.big(offset, count);
  };
  const size_t directory = number(4, 4);
  const size_t entries = number(directory, 2);
  for (size_t i = 0; i < entries; ++i) {
    const size_t entry = directory + 2 + i * kEntrySize;
    if (number(entry, 2) != kOrientationTag) continue;
    const uint32_t value = number(entry + 8, 2);
    return number(entry + 2, 2) == kShortType && value >= 1 && value <= 8 ? static_cast<int32_t>(value) : 1;
  }
  return 1;
}

}  // namespace

int32_t exif_orientation(std::span<const std::byte> exif) {
  using namespace std::string_view_literals;
  constexpr std::string_view kPrefix = "Exif\0\0"sv;
  if (HeaderBytes(exif).matches(0, kPrefix)) exif = exif.subspan(kPrefix.size());
  try {
    return read_orientation(HeaderBytes(exif));
  } catch (const DataError&) {
    return 1;
  }
}

}  // namespace atelier
