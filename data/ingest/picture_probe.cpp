#include "data/ingest/picture_probe.h"

#include <sys/stat.h>

#include <algorithm>
#include <array>

#include "configs/base/text.h"

namespace atelier {

void PictureProbe::remember(std::string_view path, int64_t size_bytes, int64_t modified_ns, const ImageInfo& info) {
  known_.insert_or_assign(path, Known{size_bytes, modified_ns, info});
}

std::optional<PictureFile> PictureProbe::probe(const std::filesystem::path& path) const {
  struct stat status;
  if (stat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
  PictureFile file;
  file.path = path.string();
  file.size_bytes = status.st_size;
  file.modified_ns = status.st_mtim.tv_sec * int64_t{1'000'000'000} + status.st_mtim.tv_nsec;
  const auto known = known_.find(file.path);
  const bool unchanged = known != known_.end() && known->second.size_bytes == file.size_bytes &&
                         known->second.modified_ns == file.modified_ns;
  file.info = unchanged ? known->second.info : probe_image(path);
  return file;
}

bool has_picture_suffix(const std::filesystem::path& path) {
  static constexpr std::array<std::string_view, 13> kSuffixes = {
      ".png", ".jpg", ".jpeg", ".jfif", ".webp", ".gif", ".bmp", ".avif", ".jxl", ".tif", ".tiff", ".heic", ".apng"};
  return std::ranges::find(kSuffixes, lower_ascii(path.extension().string())) != kSuffixes.end();
}

}  // namespace atelier
