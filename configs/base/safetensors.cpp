#include "configs/base/safetensors.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>
#include <tuple>

#include "configs/base/atomic_file.h"
#include "configs/base/error.h"
#include "configs/base/text.h"

namespace atelier {
namespace {

constexpr uint64_t kMaxHeader = 100'000'000;  // the limit of the reference implementation

struct DtypeRow {
  SafeDtype dtype;
  std::string_view name;
  size_t size;
};

constexpr std::array<DtypeRow, 12> kDtypes = {{{SafeDtype::kF64, "F64", 8},
                                               {SafeDtype::kF32, "F32", 4},
                                               {SafeDtype::kF16, "F16", 2},
                                               {SafeDtype::kBF16, "BF16", 2},
                                               {SafeDtype::kF8E4M3, "F8_E4M3", 1},
                                               {SafeDtype::kF8E5M2, "F8_E5M2", 1},
                                               {SafeDtype::kI64, "I64", 8},
                                               {SafeDtype::kI32, "I32", 4},
                                               {SafeDtype::kI16, "I16", 2},
                                               {SafeDtype::kI8, "I8", 1},
                                               {SafeDtype::kU8, "U8", 1},
                                               {SafeDtype::kBool, "BOOL", 1}}};

const DtypeRow& row_of(SafeDtype dtype) {
  return *std::find_if(kDtypes.begin(), kDtypes.end(), [&](const DtypeRow& row) { return row.dtype == dtype; });
}

/// Reads one header, naming file and tensor in every error.
class HeaderReader {
 public:
  explicit HeaderReader(std::string file) : file_(std::move(file)) {}

  nlohmann::ordered_json parse(std::span<const std::byte> bytes, uint64_t& data_begin) const {
    if (bytes.size() < 8) fail("", "the file is too short for a safetensors header");
    uint64_t length = 0;
    std::memcpy(&length, bytes.data(), 8);
    if (length > kMaxHeader) {
      fail("", text("the header claims ", human_bytes(static_cast<double>(length)), ": this is no safetensors file"));
    }
    if (length > bytes.size() - 8) fail("", text("cut short: the header needs ", length, " bytes"));
    data_begin = 8 + length;
    const char* first = reinterpret_cast<const char*>(bytes.data()) + 8;
    auto header = nlohmann::ordered_json::parse(first, first + length, nullptr, /*allow_exceptions=*/false);
    if (header.is_discarded() || !header.is_object()) fail("", "the header is not JSON");
    return header;
  }

  std::map<std::string, std::string> metadata(const nlohmann::ordered_json& header) const {
    std::map<std::string, std::string> out;
    const auto found = header.find("__metadata__");
    if (found == header.end() || found->is_null()) return out;
    if (!found->is_object()) fail("__metadata__", "not an object");
    for (const auto& [key, value] : found->items()) {
      if (!value.is_string()) fail("__metadata__." + key, "not a string");
      out[key] = value.get<std::string>();
    }
    return out;
  }

  SafeTensorInfo tensor(const std::string& name, const nlohmann::ordered_json& entry, uint64_t data_size) const {
    if (!entry.is_object() || !entry.contains("dtype") || !entry.contains("shape") || !entry.contains("data_offsets") ||
        !entry["dtype"].is_string() || !entry["shape"].is_array() || !entry["data_offsets"].is_array()) {
      fail(name, "dtype, shape and data_offsets are needed");
    }
    SafeTensorInfo info;
    info.name = name;
    info.dtype = dtype(name, entry["dtype"].get<std::string>());
    uint64_t bytes = safe_dtype_size(info.dtype);
    for (const auto& side : entry["shape"]) {
      if (!side.is_number_unsigned()) fail(name, "a side of the shape is not a natural number");
      const uint64_t count = side.get<uint64_t>();
      if (count > uint64_t{std::numeric_limits<int64_t>::max()} || __builtin_mul_overflow(bytes, count, &bytes)) {
        fail(name, "the shape overflows");
      }
      info.shape.push_back(static_cast<int64_t>(count));
    }
    const auto& offsets = entry["data_offsets"];
    if (offsets.size() != 2 || !offsets[0].is_number_unsigned() || !offsets[1].is_number_unsigned()) {
      fail(name, "data_offsets must be two natural numbers");
    }
    info.begin = offsets[0].get<uint64_t>();
    info.end = offsets[1].get<uint64_t>();
    if (info.begin > info.end || info.end > data_size) {
      fail(name, text("its bytes ", info.begin, "..", info.end, " lie outside the ", data_size,
                      " bytes of data: the file is cut short or damaged"));
    }
    if (info.end - info.begin != bytes) {
      fail(name, text("shape and dtype need ", bytes, " bytes, the offsets give ", info.end - info.begin));
    }
    return info;
  }

  /// Tensors must tile the data section: no gap, no overlap.
  void check_layout(const std::vector<SafeTensorInfo>& tensors, uint64_t data_size) const {
    uint64_t expected = 0;
    for (const SafeTensorInfo& info : tensors) {
      if (info.begin < expected) fail(info.name, "its bytes overlap another tensor's");
      if (info.begin > expected) fail(info.name, "a gap lies before its bytes");
      expected = info.end;
    }
    if (expected != data_size) fail("", text(data_size - expected, " bytes after the last tensor belong to none"));
  }

 private:
  SafeDtype dtype(const std::string& name, const std::string& word) const {
    for (const DtypeRow& row : kDtypes) {
      if (row.name == word) return row.dtype;
    }
    throw WeightsError("tensors of type " + word + " are not read", file_ + ": " + name,
                       "save the file with one of F64, F32, F16, BF16, F8_E4M3, F8_E5M2, I64 .. I8, U8, BOOL");
  }

  [[noreturn]] void fail(const std::string& tensor, const std::string& what) const {
    throw WeightsError(what, tensor.empty() ? file_ : file_ + ": " + tensor,
                       "fetch or save the file again; a program that wrote it wrongly should be fixed");
  }

  std::string file_;
};

std::filesystem::path existing_file(const std::filesystem::path& path) {
  if (!std::filesystem::exists(path)) throw WeightsError("no such file", path.string());
  if (std::filesystem::is_directory(path)) throw WeightsError("a folder, not a safetensors file", path.string());
  return path;
}

}  // namespace

std::string_view safe_dtype_name(SafeDtype dtype) { return row_of(dtype).name; }

size_t safe_dtype_size(SafeDtype dtype) { return row_of(dtype).size; }

int64_t SafeTensorInfo::element_count() const { return static_cast<int64_t>(byte_count() / safe_dtype_size(dtype)); }

SafetensorsFile::SafetensorsFile(const std::filesystem::path& path) : path_(existing_file(path)), file_(path) {
  const HeaderReader reader(path.string());
  const auto header = reader.parse(file_.bytes(), data_begin_);
  const uint64_t data_size = file_.bytes().size() - data_begin_;
  metadata_ = reader.metadata(header);
  for (const auto& [name, entry] : header.items()) {
    if (name != "__metadata__") tensors_.push_back(reader.tensor(name, entry, data_size));
  }
  std::sort(tensors_.begin(), tensors_.end(), [](const SafeTensorInfo& a, const SafeTensorInfo& b) {
    return std::tie(a.begin, a.end) < std::tie(b.begin, b.end);
  });
  reader.check_layout(tensors_, data_size);
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
    : state_(new State{AtomicFile(std::move(path)), std::move(tensors), 0}) {
  const std::string header = make_header(state_->tensors, metadata);
  const uint64_t length = header.size();
  state_->file.write(std::string_view(reinterpret_cast<const char*>(&length), 8));
  state_->file.write(header);
}

SafetensorsWriter::~SafetensorsWriter() = default;

void SafetensorsWriter::write(std::span<const std::byte> bytes) {
  if (state_->next >= state_->tensors.size()) throw std::logic_error("more tensors written than declared");
  const SafeTensorInfo& info = state_->tensors[state_->next];
  if (bytes.size() != info.byte_count()) throw std::logic_error("wrong byte count for tensor " + info.name);
  state_->file.write(bytes);
  ++state_->next;
}

void SafetensorsWriter::finish() {
  if (state_->next != state_->tensors.size()) throw std::logic_error("tensors declared but not written");
  state_->file.commit();
}

}  // namespace atelier
