#include "configs/base/safetensors.h"

#include <nlohmann/json.hpp>
#include <stdexcept>

#include "configs/base/atomic_file.h"
#include "configs/base/error.h"
#include "configs/base/safetensors_header.h"

namespace atelier {
namespace {

std::filesystem::path existing_file(const std::filesystem::path& path) {
  if (!std::filesystem::exists(path)) throw WeightsError("no such file", path.string());
  if (std::filesystem::is_directory(path)) throw WeightsError("a folder, not a safetensors file", path.string());
  return path;
}

}  // namespace

SafetensorsFile::SafetensorsFile(const std::filesystem::path& path) : path_(existing_file(path)), file_(path) {
  SafetensorsHeader header = parse_safetensors_header(file_.bytes(), path.string());
  data_begin_ = header.data_begin;
  tensors_ = std::move(header.tensors);
  metadata_ = std::move(header.metadata);
  for (size_t i = 0; i < tensors_.size(); ++i) by_name_.emplace(tensors_[i].name, i);
}

const SafeTensorInfo* SafetensorsFile::find(std::string_view name) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : &tensors_[found->second];
}

std::span<const std::byte> SafetensorsFile::bytes(const SafeTensorInfo& tensor) const {
  return data().subspan(tensor.begin, tensor.byte_count());
}

void SafetensorsFile::drop_pages(const SafeTensorInfo& tensor) const { file_.drop_pages(bytes(tensor)); }

std::span<const std::byte> SafetensorsFile::data() const { return file_.bytes().subspan(data_begin_); }

struct SafetensorsWriter::State {
  AtomicFile file;
  std::vector<SafeTensorInfo> tensors;
  size_t next = 0;
  uint64_t written = 0;  // bytes of tensors[next]

  void advance() {
    ++next;
    written = 0;
  }
};

namespace {

/// Header bytes with offsets filled in, padded so that the data begins on 8 bytes.
std::string make_header(std::vector<SafeTensorInfo>& tensors, const std::map<std::string, std::string>& metadata) {
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  uint64_t offset = 0;
  for (SafeTensorInfo& info : tensors) {
    uint64_t bytes = safe_dtype_size(info.dtype);
    for (int64_t side : info.shape) bytes *= static_cast<uint64_t>(side);
    info.begin = offset;
    info.end = offset += bytes;
    header[info.name] = {
        {"dtype", safe_dtype_name(info.dtype)}, {"shape", info.shape}, {"data_offsets", {info.begin, info.end}}};
  }
  std::string json = header.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  json.append((8 - json.size() % 8) % 8, ' ');
  return json;
}

}  // namespace

SafetensorsWriter::SafetensorsWriter(std::filesystem::path path, std::vector<SafeTensorInfo> tensors,
                                     std::map<std::string, std::string> metadata)
    : state_(new State{AtomicFile(std::move(path)), std::move(tensors), 0, 0}) {
  const std::string header = make_header(state_->tensors, metadata);
  const uint64_t length = header.size();
  state_->file.write(std::string_view(reinterpret_cast<const char*>(&length), 8));
  state_->file.write(header);
}

SafetensorsWriter::~SafetensorsWriter() = default;

void SafetensorsWriter::write(std::span<const std::byte> bytes) {
  std::vector<SafeTensorInfo>& tensors = state_->tensors;
  // Tensors without elements are passed over: a piece belongs to the first that still wants some.
  while (state_->next < tensors.size() && state_->written == tensors[state_->next].byte_count()) state_->advance();
  if (bytes.empty()) return;
  if (state_->next >= tensors.size()) throw std::logic_error("more tensors written than declared");
  const SafeTensorInfo& info = tensors[state_->next];
  if (bytes.size() > info.byte_count() - state_->written) {
    throw std::logic_error("wrong byte count for tensor " + info.name);
  }
  state_->file.write(bytes);
  state_->written += bytes.size();
}

void SafetensorsWriter::finish() {
  write({});
  if (state_->next != state_->tensors.size()) throw std::logic_error("tensors declared but not written");
  state_->file.commit();
}

}  // namespace atelier
