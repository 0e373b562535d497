// AVIF 1.1 over HEIF (ISO/IEC 23008-12) over the ISO base media file format (ISO/IEC 14496-12): boxes of a 4-byte size,
// a 4-byte name and what they hold. The primary item's properties say its size (ispe), how it is turned (irot, imir)
// and cropped (clap); an animation has a track besides.
#include <algorithm>
#include <optional>
#include <vector>

#include "data/image/format_headers.h"

namespace atelier {
namespace {

constexpr size_t kVersionAndFlags = 4;

/// A box's content: [begin, end) within the file.
struct Box {
  std::string_view name;
  size_t begin = 0, end = 0;
};

/// The boxes of [begin, end); `cut` becomes true if the last reaches beyond the end.
std::vector<Box> boxes_in(const HeaderBytes& file, size_t begin, size_t end, bool& cut) {
  constexpr size_t kHeader = 8, kLongHeader = 16;
  std::vector<Box> boxes;
  for (size_t at = begin; at < end;) {
    if (end - at < kHeader || !file.has(at, kHeader)) {
      cut = true;
      break;
    }
    size_t size = file.big(at, 4), header = kHeader;
    const auto name = file.part(at + 4, 4);
    if (size == 1 && file.has(at, kLongHeader)) {
      header = kLongHeader;
      size = static_cast<size_t>(file.big(at + 8, 4)) << 32 | file.big(at + 12, 4);
    } else if (size == 0) {
      size = end - at;  // to the end of the file
    }
    if (size < header) throw DataError("AVIF header is damaged");
    cut |= size > end - at;
    const size_t box_end = at + std::min(size, end - at);
    boxes.push_back({{reinterpret_cast<const char*>(name.data()), name.size()}, at + header, box_end});
    at = box_end;
  }
  return boxes;
}

std::optional<Box> find_box(const std::vector<Box>& boxes, std::string_view name) {
  const auto found = std::ranges::find(boxes, name, &Box::name);
  return found == boxes.end() ? std::nullopt : std::optional(*found);
}

/// The box at the end of a path of names, or nothing. Boxes within the file's end are whole.
std::optional<Box> find_inside(const HeaderBytes& file, Box box, std::initializer_list<std::string_view> names) {
  bool cut = false;
  for (const std::string_view name : names) {
    const std::optional<Box> inner = find_box(boxes_in(file, box.begin, box.end, cut), name);
    if (!inner) return std::nullopt;
    box = *inner;
  }
  return box;
}

uint32_t primary_item(const HeaderBytes& file, const std::vector<Box>& meta) {
  const std::optional<Box> box = find_box(meta, "pitm");
  if (!box) throw DataError("AVIF without a primary picture");
  const bool wide = file.u8(box->begin) != 0;
  return file.big(box->begin + kVersionAndFlags, wide ? 4 : 2);
}

/// Indices (from 1) of the properties that belong to `item`, in their order.
std::vector<uint32_t> properties_of(const HeaderBytes& file, const Box& ipma, uint32_t item) {
  const uint8_t version = file.u8(ipma.begin);
  const bool wide_index = (file.u8(ipma.begin + 3) & 1) != 0;
  const uint32_t count = file.big(ipma.begin + kVersionAndFlags, 4);
  size_t at = ipma.begin + kVersionAndFlags + 4;
  std::vector<uint32_t> found;
  for (uint32_t i = 0; i < count && at < ipma.end; ++i) {
    const size_t id_bytes = version == 0 ? 2 : 4;
    const uint32_t id = file.big(at, id_bytes);
    const uint8_t associations = file.u8(at + id_bytes);
    at += id_bytes + 1;
    for (int a = 0; a < associations; ++a, at += wide_index ? 2 : 1) {
      const uint32_t index = wide_index ? file.big(at, 2) & 0x7FFF : file.u8(at) & 0x7Fu;
      if (id == item) found.push_back(index);
    }
  }
  return found;
}

/// Width and height after the properties' cropping and turning.
void read_size(const HeaderBytes& file, const std::vector<Box>& properties, const std::vector<uint32_t>& indices,
               ImageInfo& info) {
  for (const uint32_t index : indices) {
    if (index == 0 || index > properties.size()) continue;
    const Box& box = properties[index - 1];
    if (box.name == "ispe") {
      info.width = static_cast<int32_t>(file.big(box.begin + kVersionAndFlags, 4));
      info.height = static_cast<int32_t>(file.big(box.begin + kVersionAndFlags + 4, 4));
    } else if (box.name == "clap") {
      const uint32_t across = file.big(box.begin + 4, 4), down = file.big(box.begin + 12, 4);
      if (across == 0 || down == 0) throw DataError("AVIF header is damaged");
      info.width = static_cast<int32_t>(file.big(box.begin, 4) / across);
      info.height = static_cast<int32_t>(file.big(box.begin + 8, 4) / down);
    } else if (box.name == "irot" && file.u8(box.begin) % 2 == 1) {  // a quarter or three
      std::swap(info.width, info.height);
    }
  }
}

/// Samples of the first track.
uint32_t frames_of(const HeaderBytes& file, const Box& movie) {
  const std::optional<Box> sizes = find_inside(file, movie, {"trak", "mdia", "minf", "stbl", "stsz"});
  return sizes ? file.big(sizes->begin + kVersionAndFlags + 4, 4) : 0;
}

}  // namespace

ImageInfo read_avif_header(const HeaderBytes& file) {
  ImageInfo info{.format = ImageFormat::kAvif};
  const std::vector<Box> top = boxes_in(file, 0, file.size(), info.truncated);
  const std::optional<Box> meta = find_box(top, "meta");
  if (!meta) throw DataError("AVIF header cut short");
  bool cut = false;
  const std::vector<Box> inner = boxes_in(file, meta->begin + kVersionAndFlags, meta->end, cut);
  const std::optional<Box> container = find_box(inner, "iprp");
  if (cut || !container) throw DataError("AVIF header is damaged");
  const std::optional<Box> properties = find_inside(file, *container, {"ipco"});
  const std::optional<Box> associations = find_inside(file, *container, {"ipma"});
  if (!properties || !associations) throw DataError("AVIF header is damaged");
  read_size(file, boxes_in(file, properties->begin, properties->end, cut),
            properties_of(file, *associations, primary_item(file, inner)), info);
  if (const std::optional<Box> movie = find_box(top, "moov")) info.animated = frames_of(file, *movie) > 1;
  return info;
}

}  // namespace atelier
