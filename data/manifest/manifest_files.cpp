// The files of a manifest, each written and mapped.
#include <arrow/api.h>

#include <nlohmann/json.hpp>

#include "configs/base/atomic_file.h"
#include "configs/base/error.h"
#include "configs/base/text.h"
#include "data/manifest/arrow_files.h"
#include "data/manifest/manifest_parts.h"
#include "data/manifest/posts_table.h"

namespace atelier {
namespace {

namespace fs = std::filesystem;

enum TagsColumn : int { kNameColumn, kCategoryColumn, kCountColumn, kRawCountColumn };

std::shared_ptr<arrow::Schema> tags_schema() {
  return arrow::schema({arrow::field("name", arrow::utf8(), false),
                        arrow::field("category", arrow::dictionary(arrow::int8(), arrow::utf8()), false),
                        arrow::field("count", arrow::int64(), false),
                        arrow::field("raw_count", arrow::int64(), false)});
}

[[noreturn]] void throw_damaged(const fs::path& path, const std::string& why) {
  throw DataError("not a manifest of this version: " + why, path.string(), "remove the folder and build it again");
}

template <typename T>
std::shared_ptr<arrow::Buffer> view(std::span<const T> values) {
  return std::make_shared<arrow::Buffer>(reinterpret_cast<const uint8_t*>(values.data()),
                                         static_cast<int64_t>(values.size_bytes()));
}

/// Without a copy: the batch views the dictionary.
std::shared_ptr<arrow::RecordBatch> tags_batch(const TagDictionary& tags) {
  const TagDictionary::Table& table = tags.table();
  const int64_t rows = tags.size();
  const std::span<const char> letters(table.names, static_cast<size_t>(table.name_ends.back()));
  arrow::StringBuilder words;
  std::shared_ptr<arrow::Array> word_array;
  arrow::Status status;
  for (const std::string_view word : kTagCategoryNames) status &= words.Append(word);
  status &= words.Finish(&word_array);
  if (!status.ok()) throw MachineError("the tags do not fit into memory: " + status.ToString());
  auto categories = std::make_shared<arrow::Int8Array>(rows, view(table.categories));
  return arrow::RecordBatch::Make(
      tags_schema(), rows,
      {std::make_shared<arrow::StringArray>(rows, view(table.name_ends), view(letters)),
       std::make_shared<arrow::DictionaryArray>(tags_schema()->field(kCategoryColumn)->type(), categories, word_array),
       std::make_shared<arrow::Int64Array>(rows, view(table.counts)),
       std::make_shared<arrow::Int64Array>(rows, view(table.raw_counts))});
}

TagDictionary map_tags(const fs::path& path) {
  const std::vector<std::shared_ptr<arrow::RecordBatch>> batches = map_arrow_file(path, tags_schema());
  if (batches.size() != 1) throw_damaged(path, "more than one batch");
  const std::shared_ptr<arrow::RecordBatch>& batch = batches[0];
  const auto tags = static_cast<size_t>(batch->num_rows());
  const auto& names = static_cast<const arrow::StringArray&>(*batch->column(kNameColumn));
  const auto& categories = static_cast<const arrow::DictionaryArray&>(*batch->column(kCategoryColumn));
  const auto counts = [&](int column) {
    return std::span(static_cast<const arrow::Int64Array&>(*batch->column(column)).raw_values(), tags);
  };
  const int8_t* numbers = static_cast<const arrow::Int8Array&>(*categories.indices()).raw_values();
  return TagDictionary({{names.raw_value_offsets(), tags + 1},
                        reinterpret_cast<const char*>(names.raw_data()),
                        {numbers, tags},
                        counts(kCountColumn),
                        counts(kRawCountColumn),
                        batch});
}

}  // namespace

void write_tags(const TagDictionary& tags, const fs::path& file) {
  ArrowFileWriter writer(file, tags_schema());
  writer.write(*tags_batch(tags));
  writer.close();
}

void write_quarantine(const std::vector<Quarantined>& quarantined, const fs::path& file) {
  AtomicFile output(file);
  for (const Quarantined& sample : quarantined) {
    nlohmann::ordered_json line = {
        {"source", sample.source}, {"id", sample.id}, {"reason", sample.reason}, {"detail", sample.detail}};
    if (sample.samples != 1) line["samples"] = sample.samples;
    output.write(line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
  }
  output.commit();
}

ManifestParts map_manifest(const fs::path& folder) {
  if (!fs::exists(folder / kManifestFile)) {
    throw DataError("no manifest here", folder.string(), "build it with `atelier dataset build RUN.yaml`");
  }
  ManifestParts parts;
  const auto [rows, tags] = read_summary(folder / kManifestFile, parts);
  parts.tags = map_tags(folder / kTagsFile);
  parts.batches = map_arrow_file(folder / kPostsFile, posts_schema());
  int64_t found = 0;
  for (const auto& batch : parts.batches) {
    const bool last = &batch == &parts.batches.back();
    if (batch->num_rows() > kRowsPerBatch || (!last && batch->num_rows() != kRowsPerBatch)) {
      throw_damaged(folder / kPostsFile, "record batches of another size");
    }
    found += batch->num_rows();
  }
  if (found != rows) throw_damaged(folder / kPostsFile, text(found, " rows instead of ", rows));
  if (parts.tags.size() != tags) throw_damaged(folder / kTagsFile, text(parts.tags.size(), " tags instead of ", tags));
  return parts;
}

}  // namespace atelier
