// Facts about picture files: remembered for files whose size and time are unchanged, else read from their headers.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string_view>
#include <unordered_map>

#include "data/post/post.h"

namespace atelier {

class PictureProbe {
 public:
  /// `path` must outlive the probe.
  void remember(std::string_view path, int64_t size_bytes, int64_t modified_ns, const ImageInfo& info);

  /// nullopt if there is no such file. DataError with the reason if it is no readable picture.
  std::optional<PictureFile> probe(const std::filesystem::path& path) const;

 private:
  struct Known {
    int64_t size_bytes, modified_ns;
    ImageInfo info;
  };
  std::unordered_map<std::string_view, Known> known_;
};

/// True for names that end as picture files do (".png", ".JPG", also of formats that cannot be read).
bool has_picture_suffix(const std::filesystem::path& path);

}  // namespace atelier
