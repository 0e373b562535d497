#include "data/files/file_bytes.h"

#include <arrow/io/interfaces.h>
#include <arrow/result.h>

#include <algorithm>
#include <span>

#include "configs/base/error.h"
#include "configs/base/mapped_file.h"
#include "configs/base/text.h"
#include "data/files/files.h"
#include "data/files/gzip_bytes.h"
#include "data/files/remote.h"

namespace atelier {
namespace {

class LocalBytes : public FileBytes {
 public:
  explicit LocalBytes(const std::string& path) : file_(path) {}
  int64_t size() const override { return static_cast<int64_t>(file_.bytes().size()); }
  std::string_view read(int64_t offset, int64_t size, std::string& /*buffer*/) const override {
    const std::string_view all(reinterpret_cast<const char*>(file_.bytes().data()), file_.bytes().size());
    if (offset >= this->size()) return {};
    return all.substr(static_cast<size_t>(offset), static_cast<size_t>(size));
  }
  void done_with(std::string_view bytes) const override { file_.drop_pages(std::as_bytes(std::span(bytes))); }

 private:
  MappedFile file_;
};

class RemoteBytes : public FileBytes {
 public:
  explicit RemoteBytes(const std::string& path) : path_(path), file_(open_arrow_file(path)) {
    const auto size = file_->GetSize();
    if (!size.ok()) throw ConfigError("cannot open: " + size.status().message(), path);
    size_ = *size;
  }
  int64_t size() const override { return size_; }
  std::string_view read(int64_t offset, int64_t size, std::string& buffer) const override {
    buffer.resize(static_cast<size_t>(std::clamp<int64_t>(size_ - offset, 0, size)));
    if (buffer.empty()) return {};
    const auto got = file_->ReadAt(offset, static_cast<int64_t>(buffer.size()), buffer.data());
    if (!got.ok()) throw DataError("cannot read: " + got.status().message(), path_);
    return std::string_view(buffer).substr(0, static_cast<size_t>(*got));
  }

 private:
  std::string path_;
  std::shared_ptr<arrow::io::RandomAccessFile> file_;
  int64_t size_ = 0;
};

}  // namespace

std::unique_ptr<FileBytes> open_file(const std::string& path) {
  if (is_remote(path)) return std::make_unique<RemoteBytes>(path);
  return std::make_unique<LocalBytes>(path);
}

std::unique_ptr<FileBytes> open_text_file(const std::string& path) {
  std::unique_ptr<FileBytes> file = open_file(path);
  if (file_suffix(path) != ".gz") return file;
  return std::make_unique<GzipBytes>(std::move(file), path);
}

std::string read_small_file(const std::string& path, int64_t max_bytes) {
  try {
    const std::unique_ptr<FileBytes> file = open_file(path);
    if (file->size() > max_bytes) throw DataError("larger than " + human_bytes(static_cast<double>(max_bytes)), path);
    std::string buffer;
    return std::string(file->read(0, file->size(), buffer));
  } catch (const ConfigError& error) {
    throw DataError(error.summary(), path, error.hint());
  }
}

}  // namespace atelier
