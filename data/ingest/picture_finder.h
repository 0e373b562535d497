// Where the picture of a post lies: a folder, or the tars of a dump.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "data/ingest/picture_probe.h"
#include "data/ingest/post_record.h"
#include "data/options/source_options.h"

namespace atelier {

/// Looks for the pictures of posts in one place.
class PictureFinder {
 public:
  /// In options.image_dir: a folder, or tars by pattern. ConfigError if it is not there.
  explicit PictureFinder(const SourceOptions& options);
  /// In `folder`.
  explicit PictureFinder(std::string folder);

  /// Gives `record.post` its picture and that picture's size, if there is one. DataError "picture_unreadable" if it
  /// cannot be read.
  void find(PostRecord& record, const PictureProbe& probe) const;

 private:
  /// A picture far away or in a tar: known from listings, not asked for one by one.
  struct Indexed {
    uint64_t name_hash;
    uint32_t file;  // of files_
    int64_t offset, size_bytes;
  };
  void look_around();
  void index_tars(const std::vector<std::string>& tars);
  void index_remote_folder();
  std::optional<PictureFile> look_up(const std::string& name, const PictureProbe& probe) const;

  std::string folder_;
  // What lies in folder_: what is not there is not asked for, post by post.
  bool has_pictures_ = false, has_folders_ = false, has_dump_folders_ = false;
  bool indexed_ = false;
  std::vector<Indexed> index_;  // by name_hash
  struct File {
    std::string path;
    int64_t modified_ns;
  };
  std::vector<File> files_;
};

/// The places of all posts files of a source.
class PictureFinders {
 public:
  /// options.image_dir for all, else the folder of each file. Errors as above.
  PictureFinders(const SourceOptions& options, const std::vector<std::string>& posts_files);
  const PictureFinder& of(const std::string& posts_file) const;

 private:
  std::map<std::string, PictureFinder> by_folder_;  // empty if there is an image_dir
  std::optional<PictureFinder> image_dir_;
};

}  // namespace atelier
