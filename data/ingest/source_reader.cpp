#include "data/ingest/source_reader.h"

#include <filesystem>

#include "configs/base/error.h"
#include "configs/base/text.h"
#include "data/ingest/folder_reader.h"
#include "data/ingest/posts_jsonl.h"

namespace atelier {

std::unique_ptr<SourceReader> open_source(const SourceOptions& options) {
  if (options.path.empty())
    throw ConfigError("a source without a path", "dataset.sources", "name a folder or a posts file");
  const std::filesystem::path path(options.path);
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) {
    if (options.image_dir) throw ConfigError("image_dir is for posts files; this source is a folder", path.string());
    return std::make_unique<FolderReader>(options);
  }
  if (!std::filesystem::exists(path, error)) {
    throw ConfigError("source not found", path.string(),
                      "check dataset.sources; relative paths start at the YAML's folder");
  }
  const std::string suffix = lower_ascii(path.extension().string());
  if (suffix == ".jsonl" || suffix == ".ndjson") return std::make_unique<PostsJsonlReader>(options);
  throw ConfigError("no reader for this kind of file", path.string(),
                    "give a folder of pictures or a .jsonl posts file");
}

}  // namespace atelier
