#include "data/manifest/arrow_files.h"

#include <arrow/api.h>
#include <arrow/io/api.h>
#include <arrow/ipc/api.h>
#include <sys/mman.h>

#include <cerrno>

#include "configs/base/error.h"

namespace atelier {
namespace {

namespace fs = std::filesystem;

void check_write(const arrow::Status& status, const fs::path& path) {
  if (status.ok()) return;
  if (errno == ENOSPC || errno == EDQUOT) throw_errno("cannot write", path.string());
  throw ConfigError("cannot write: " + status.ToString(), path.string(), "check permissions and free space");
}

template <typename T>
T written(arrow::Result<T> result, const fs::path& path) {
  check_write(result.status(), path);
  return std::move(result).ValueUnsafe();
}

[[noreturn]] void throw_damaged(const fs::path& path, const std::string& why) {
  throw DataError("not a manifest of this version: " + why, path.string(), "remove the folder and build it again");
}

template <typename T>
T value_or_throw(arrow::Result<T> result, const fs::path& path) {
  if (!result.ok()) throw_damaged(path, result.status().ToString());
  return std::move(result).ValueUnsafe();
}

}  // namespace

ArrowFileWriter::ArrowFileWriter(fs::path path, const std::shared_ptr<arrow::Schema>& schema)
    : path_(std::move(path)),
      file_(written(arrow::io::FileOutputStream::Open(path_.string()), path_)),
      writer_(written(arrow::ipc::MakeFileWriter(file_, schema), path_)) {}

ArrowFileWriter::~ArrowFileWriter() = default;

void ArrowFileWriter::write(const arrow::RecordBatch& batch) { check_write(writer_->WriteRecordBatch(batch), path_); }

void ArrowFileWriter::close() {
  check_write(writer_->Close(), path_);
  check_write(file_->Close(), path_);
}

std::vector<std::shared_ptr<arrow::RecordBatch>> map_arrow_file(const fs::path& path,
                                                                const std::shared_ptr<arrow::Schema>& schema) {
  auto file = value_or_throw(arrow::io::MemoryMappedFile::Open(path.string(), arrow::io::FileMode::READ), path);
  auto reader = value_or_throw(arrow::ipc::RecordBatchFileReader::Open(file), path);
  if (!reader->schema()->Equals(*schema)) throw_damaged(path, "other columns");
  std::vector<std::shared_ptr<arrow::RecordBatch>> batches;
  for (int i = 0; i < reader->num_record_batches(); ++i) {
    batches.push_back(value_or_throw(reader->ReadRecordBatch(i), path));
    if (const arrow::Status status = batches.back()->Validate(); !status.ok()) throw_damaged(path, status.ToString());
  }
  // Looking at each batch's ends brought many pages of a large file into memory, around those that were looked at.
  const auto all = value_or_throw(file->ReadAt(0, value_or_throw(file->GetSize(), path)), path);
  if (all->size() > 0) ::madvise(const_cast<uint8_t*>(all->data()), static_cast<size_t>(all->size()), MADV_DONTNEED);
  return batches;
}

}  // namespace atelier
