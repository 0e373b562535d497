#include "data/ingest/source_reader.h"

#include <algorithm>
#include <array>

#include "configs/base/error.h"
#include "data/files/files.h"
#include "data/ingest/folder_reader.h"
#include "data/ingest/posts_csv.h"
#include "data/ingest/posts_json.h"
#include "data/ingest/posts_jsonl.h"
#include "data/ingest/posts_parquet.h"
#include "data/ingest/posts_sqlite.h"
#include "data/ingest/tar_reader.h"

namespace atelier {
namespace {

struct Reader {
  std::string_view kind;  // SourceOptions::kind
  std::array<std::string_view, 3> suffixes;
  std::unique_ptr<SourceReader> (*open)(const SourceOptions&);
};

template <typename Of>
std::unique_ptr<SourceReader> open_as(const SourceOptions& options) {
  return std::make_unique<Of>(options);
}

constexpr std::array kReaders = {
    Reader{"folder", {}, open_as<FolderReader>},
    Reader{"tar", {".tar"}, open_as<TarReader>},
    Reader{"jsonl", {".jsonl", ".ndjson"}, open_as<PostsJsonlReader>},
    Reader{"json", {".json"}, open_as<PostsJsonReader>},
    Reader{"parquet", {".parquet"}, open_as<PostsParquetReader>},
    Reader{"sqlite", {".sqlite", ".sqlite3", ".db"}, open_as<PostsSqliteReader>},
    Reader{"csv", {".csv", ".tsv"}, open_as<PostsCsvReader>},
};

const Reader* reader_of_suffix(std::string_view suffix) {
  const auto found = std::ranges::find_if(kReaders, [&](const Reader& reader) {
    return !suffix.empty() && std::ranges::find(reader.suffixes, suffix) != reader.suffixes.end();
  });
  return found == kReaders.end() ? nullptr : &*found;
}

/// ".jsonl" of "posts.jsonl.gz", too; empty where what follows the last dot is part of a pattern.
std::string suffix_of(const std::string& path) {
  const std::string suffix = file_suffix(path);
  return suffix == ".gz" ? file_suffix(file_name(path).substr(0, file_name(path).size() - suffix.size())) : suffix;
}

/// What a folder is: posts whose pictures it holds, tars, Parquet files, or pictures.
SourceOptions look_into_folder(SourceOptions options) {
  const std::vector<ListedFile> files = list_folder(options.path);
  const auto has = [&](std::string_view name) {
    return std::ranges::find(files, name, &ListedFile::name) != files.end();
  };
  const auto any = [&](auto test) {
    return std::ranges::any_of(files, [&](const ListedFile& file) { return test(file.name); });
  };
  for (const char* metadata : {"metadata.jsonl", "metadata.csv", "metadata.parquet"}) {
    if (!has(metadata)) continue;
    if (!options.image_dir) options.image_dir = options.path;
    options.path = join_path(options.path, metadata);
    options.kind = reader_of_suffix(file_suffix(metadata))->kind;
    return options;
  }
  options.kind = "folder";
  if (any(has_picture_suffix)) return options;
  for (const char* kind : {"tar", "parquet"}) {
    if (any([&](const std::string& name) { return file_suffix(name) == "." + std::string(kind); })) options.kind = kind;
  }
  return options;
}

SourceOptions detect(SourceOptions options) {
  const std::optional<FileFacts> facts = file_facts(options.path);
  const bool pattern = options.path.find_first_of("*?[{") != std::string::npos;
  if (!facts && !pattern) {
    throw ConfigError("source not found", options.path,
                      "check dataset.sources; relative paths start at the YAML's folder");
  }
  if (options.kind != "auto") return options;
  if (facts && facts->is_folder) return look_into_folder(std::move(options));
  if (const Reader* reader = reader_of_suffix(suffix_of(options.path))) {
    options.kind = reader->kind;
    return options;
  }
  throw ConfigError("no reader for this kind of file", options.path,
                    "give a folder of pictures, tars, or posts as .jsonl, .json, .parquet, .sqlite or .csv; "
                    "or say what it is by kind");
}

}  // namespace

std::unique_ptr<SourceReader> open_source(const SourceOptions& wanted) {
  if (wanted.path.empty())
    throw ConfigError("a source without a path", "dataset.sources", "name a folder or a posts file");
  const SourceOptions options = detect(wanted);
  if (options.image_dir && (options.kind == "folder" || options.kind == "tar")) {
    throw ConfigError("image_dir is for posts files; this source holds its pictures", options.path);
  }
  const auto reader = std::ranges::find(kReaders, options.kind, &Reader::kind);
  return reader->open(options);
}

}  // namespace atelier
