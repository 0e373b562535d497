#include "data/ingest/picture_probe.h"

#include <algorithm>
#include <array>
#include <span>

#include "configs/base/error.h"
#include "configs/base/hash.h"
#include "configs/base/text.h"

namespace atelier {
namespace {

constexpr int64_t kMaxPixels = int64_t{512} << 20;  // what decoding takes
constexpr int64_t kHeaderBytes = 128 << 10;         // of a remote picture: enough for nearly all headers

uint64_t place_key(std::string_view path, int64_t offset) { return hash64(path, static_cast<uint64_t>(offset)); }

ImageInfo read_info(std::string_view bytes) {
  ImageInfo info = probe_image(std::as_bytes(std::span(bytes)));
  if (int64_t{info.width} * info.height > kMaxPixels) {
    throw DataError(text("a picture of ", info.width, " x ", info.height, " px, more than is decoded"));
  }
  return info;
}

/// Of a picture far away its beginning must do: whether its end is there shows when it is decoded.
ImageInfo read_remote_info(const FileBytes& file, const PictureFile& place) {
  std::string buffer;
  if (place.size_bytes > kHeaderBytes) {
    try {
      ImageInfo info = read_info(file.read(place.offset, kHeaderBytes, buffer));
      info.truncated = false;
      return info;
    } catch (const DataError&) {  // the header may be longer
    }
  }
  return read_info(file.read(place.offset, place.size_bytes, buffer));
}

}  // namespace

void PictureProbe::remember(std::string_view path, int64_t size_bytes, int64_t modified_ns, const ImageInfo& info,
                            int64_t offset) {
  known_.insert_or_assign(place_key(path, offset), Known{size_bytes, modified_ns, info});
}

const ImageInfo* PictureProbe::find(const PictureFile& place) const {
  if (known_.empty()) return nullptr;
  const auto known = known_.find(place_key(place.path, place.offset));
  const bool unchanged = known != known_.end() && known->second.size_bytes == place.size_bytes &&
                         known->second.modified_ns == place.modified_ns;
  return unchanged ? &known->second.info : nullptr;
}

std::optional<PictureFile> PictureProbe::probe(const std::string& path) const {
  const std::optional<FileFacts> facts = file_facts(path);
  if (!facts || facts->is_folder) return std::nullopt;
  PictureFile place;
  place.path = path;
  place.size_bytes = facts->size_bytes;
  place.modified_ns = facts->modified_ns;
  return probe(std::move(place));
}

PictureFile PictureProbe::probe(PictureFile place) const {
  if (const ImageInfo* info = find(place)) {
    place.info = *info;
    return place;
  }
  const std::string path = place.path;
  try {
    const std::unique_ptr<FileBytes> file = open_file(path);
    return probe(*file, std::move(place));
  } catch (const ConfigError& error) {
    throw DataError(error.summary(), path, error.hint());
  }
}

PictureFile PictureProbe::probe(const FileBytes& file, PictureFile place) const {
  if (const ImageInfo* info = find(place)) {
    place.info = *info;
  } else if (is_remote(place.path)) {
    place.info = read_remote_info(file, place);
  } else {
    std::string buffer;
    place.info = read_info(file.read(place.offset, place.size_bytes, buffer));
  }
  return place;
}

bool has_picture_suffix(std::string_view name) {
  static constexpr std::array<std::string_view, 13> kSuffixes = {
      ".png", ".jpg", ".jpeg", ".jfif", ".webp", ".gif", ".bmp", ".avif", ".jxl", ".tif", ".tiff", ".heic", ".apng"};
  return std::ranges::find(kSuffixes, file_suffix(name)) != kSuffixes.end();
}

}  // namespace atelier
