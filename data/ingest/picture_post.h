// The post of a picture that has its texts beside it: a caption file, a JSON record, both or neither.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "data/ingest/caption_file.h"
#include "data/ingest/json_record.h"
#include "data/ingest/source_reader.h"

namespace atelier {

struct PictureTexts {
  std::optional<CaptionFile> caption;
  std::optional<std::string> record;  // JSON
};

/// Joins `batch`. The id is the picture's name in its source, whatever the record says: records of several pictures may
/// share one. The caption file goes before the record's caption; where the record names no tags, they are the caption's
/// pieces. DataError with the reason if a text cannot be used.
void add_picture_post(const std::string& id, PictureFile picture, const PictureTexts& texts, JsonRecords& records,
                      PostBatch& batch);

/// The suffixes of caption files, the wanted one first: .txt and .caption stand in for each other.
std::vector<std::string> caption_suffixes(const SourceOptions& options);
/// The names under which the record of a picture may lie: a.json, a.png.json (gallery-dl), a-danbooru.json.
std::vector<std::string> record_names(const std::string& picture);
/// True for names that end as captions and records do.
bool is_text_name(std::string_view name, const std::vector<std::string>& caption_suffixes);
/// "sub/a" of "sub/a.png".
std::string without_suffix(const std::string& name);

}  // namespace atelier
