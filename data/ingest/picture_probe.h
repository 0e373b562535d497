// Facts about picture files: remembered for files whose size and time are unchanged, else read from their headers.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "data/files/file_bytes.h"
#include "data/files/files.h"
#include "data/post/post.h"

namespace atelier {

class PictureProbe {
 public:
  /// What an earlier scan found: the picture of `size_bytes` at `offset` in the file `path`.
  void remember(std::string_view path, int64_t size_bytes, int64_t modified_ns, const ImageInfo& info,
                int64_t offset = 0);

  /// nullopt if there is no such file. DataError with the reason if it is no readable picture.
  std::optional<PictureFile> probe(const std::string& path) const;
  /// The picture at `place`, whose path, offset, size and time are known; it comes back with its info.
  PictureFile probe(PictureFile place) const;
  /// The same within `file`, which is place.path.
  PictureFile probe(const FileBytes& file, PictureFile place) const;

 private:
  struct Known {
    int64_t size_bytes, modified_ns;
    ImageInfo info;
  };
  const ImageInfo* find(const PictureFile& place) const;

  std::unordered_map<uint64_t, Known> known_;  // by hash of path and offset: paths would cost more than all the rest
};

/// True for names that end as picture files do (".png", ".JPG", also of formats that cannot be read).
bool has_picture_suffix(std::string_view name);

}  // namespace atelier
