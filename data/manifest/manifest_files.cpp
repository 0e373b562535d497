// The Arrow files of a manifest: writing and mapping.
#include <arrow/api.h>
#include <arrow/io/api.h>
#include <arrow/ipc/api.h>

#include <nlohmann/json.hpp>

#include "configs/base/atomic_file.h"
#include "configs/base/error.h"
#include "configs/base/text.h"
#include "data/manifest/manifest_parts.h"

namespace atelier {
namespace {

namespace fs = std::filesystem;

void check_write(const arrow::Status& status, const fs::path& path) {
  if (status.ok()) return;
  if (errno == ENOSPC || errno == EDQUOT) throw_errno("cannot write", path.string());
  throw ConfigError("cannot write: " + status.ToString(), path.string(), "check permissions and free space");
}

[[noreturn]] void throw_damaged(const fs::path& path, const std::string& why) {
  throw DataError("not a manifest of this version: " + why, path.string(), "remove the folder and build it again");
}

template <typename T>
T value_or_throw(arrow::Result<T> result, const fs::path& path) {
  if (!result.ok()) throw_damaged(path, result.status().ToString());
  return std::move(result).ValueUnsafe();
}

void write_arrow(const fs::path& path, const std::shared_ptr<arrow::Schema>& schema,
                 const std::vector<std::shared_ptr<arrow::RecordBatch>>& batches) {
  auto file = arrow::io::FileOutputStream::Open(path.string());
  check_write(file.status(), path);
  auto writer = arrow::ipc::MakeFileWriter(*file, schema);
  check_write(writer.status(), path);
  for (const auto& batch : batches) check_write((*writer)->WriteRecordBatch(*batch), path);
  check_write((*writer)->Close(), path);
  check_write((*file)->Close(), path);
}

std::vector<std::shared_ptr<arrow::RecordBatch>> map_arrow(const fs::path& path,
                                                           const std::shared_ptr<arrow::Schema>& schema) {
  auto file = value_or_throw(arrow::io::MemoryMappedFile::Open(path.string(), arrow::io::FileMode::READ), path);
  auto reader = value_or_throw(arrow::ipc::RecordBatchFileReader::Open(file), path);
  if (!reader->schema()->Equals(*schema)) throw_damaged(path, "other columns");
  std::vector<std::shared_ptr<arrow::RecordBatch>> batches;
  for (int i = 0; i < reader->num_record_batches(); ++i) {
    batches.push_back(value_or_throw(reader->ReadRecordBatch(i), path));
    if (const arrow::Status status = batches.back()->Validate(); !status.ok()) throw_damaged(path, status.ToString());
  }
  return batches;
}

std::shared_ptr<arrow::RecordBatch> tags_batch(const TagDictionary& tags) {
  arrow::StringBuilder name, names;
  arrow::Int8Builder category;
  arrow::Int64Builder count;
  arrow::Status status;
  for (int32_t id = 0; id < tags.size(); ++id) {
    status &= name.Append(tags.name(id));
    status &= category.Append(static_cast<int8_t>(tags.category(id)));
    status &= count.Append(tags.count(id));
  }
  for (const std::string_view word : kTagCategoryNames) status &= names.Append(word);
  std::shared_ptr<arrow::Array> name_array, category_array, words, count_array;
  status &= name.Finish(&name_array);
  status &= category.Finish(&category_array);
  status &= names.Finish(&words);
  status &= count.Finish(&count_array);
  if (!status.ok()) throw MachineError("the tags do not fit into memory: " + status.ToString());
  const auto type = tags_schema()->field(1)->type();
  return arrow::RecordBatch::Make(
      tags_schema(), tags.size(),
      {name_array, arrow::DictionaryArray::FromArrays(type, category_array, words).ValueOrDie(), count_array});
}

TagDictionary read_tags(const std::vector<std::shared_ptr<arrow::RecordBatch>>& batches) {
  TagDictionary tags;
  for (const auto& batch : batches) {
    const auto& names = static_cast<const arrow::StringArray&>(*batch->column(0));
    const auto& categories = static_cast<const arrow::DictionaryArray&>(*batch->column(1));
    const auto& counts = static_cast<const arrow::Int64Array&>(*batch->column(2));
    for (int64_t i = 0; i < batch->num_rows(); ++i) {
      const int32_t id = tags.intern(names.GetView(i));
      tags.vote(id, static_cast<TagCategory>(categories.GetValueIndex(i)));
      tags.add_count(id, counts.Value(i));
    }
  }
  return tags;
}

}  // namespace

void write_manifest(const ManifestParts& parts, const std::vector<Quarantined>& quarantined, const fs::path& folder) {
  write_arrow(folder / kPostsFile, posts_schema(), parts.batches);
  write_arrow(folder / kTagsFile, tags_schema(), {tags_batch(parts.tags)});
  std::string lines;
  for (const Quarantined& sample : quarantined) {
    const nlohmann::ordered_json line = {
        {"source", sample.source}, {"id", sample.id}, {"reason", sample.reason}, {"detail", sample.detail}};
    lines += line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
  }
  write_file_atomically(folder / kQuarantineFile, lines);
  write_file_atomically(folder / kManifestFile, write_summary(parts));
}

ManifestParts map_manifest(const fs::path& folder) {
  if (!fs::exists(folder / kManifestFile)) {
    throw DataError("no manifest here", folder.string(), "build it with `atelier dataset build RUN.yaml`");
  }
  ManifestParts parts;
  const auto [rows, tags] = read_summary(folder / kManifestFile, parts);
  parts.tags = read_tags(map_arrow(folder / kTagsFile, tags_schema()));
  parts.batches = map_arrow(folder / kPostsFile, posts_schema());
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
