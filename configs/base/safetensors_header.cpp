#include "configs/base/safetensors_header.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>
#include <tuple>

#include "configs/base/error.h"
#include "configs/base/foreign_file.h"
#include "configs/base/text.h"

namespace atelier {
namespace {

constexpr uint64_t kMaxHeader = 100'000'000;  // the limit of the reference implementation
constexpr size_t kMaxSides = 64;              // torch's and NumPy's limit; bounds what "[1,1,1,..." can cost
constexpr size_t kMaxMetadata = 65'536;       // trainers write some dozens; bounds what "":"" over and over can cost

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

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }

/// A name as a message may show it: no control characters, not longer than a line.
std::string shown(std::string_view name) {
  constexpr size_t kMost = 100;
  size_t length = std::min(name.size(), kMost);
  while (length > 0 && length < name.size() && (name[length] & 0xC0) == 0x80) --length;  // not within a character
  std::string out(name.substr(0, length));
  std::replace_if(out.begin(), out.end(), is_control, '?');
  return length < name.size() ? out + "..." : out;
}

/// Where an error is: the file, and the tensor if it is about one.
struct Place {
  const std::string& file;

  [[noreturn]] void fail(std::string_view tensor, const std::string& what,
                         const std::string& hint =
                             "fetch or save the file again; a program that wrote it wrongly "
                             "should be fixed") const {
    throw WeightsError(what, tensor.empty() ? file : file + ": " + shown(tensor), hint);
  }
};

std::optional<SafeDtype> dtype_named(std::string_view word) {
  for (const DtypeRow& row : kDtypes) {
    if (row.name == word) return row.dtype;
  }
  return std::nullopt;
}

/// Takes the JSON as a stream of events and accepts only what the format knows, so nothing else is ever stored: no
/// document tree, no deep nesting, no long arrays.
class HeaderEvents final : public nlohmann::json_sax<nlohmann::json> {
 public:
  HeaderEvents(Place place, SafetensorsHeader& header) : place_(place), header_(header) {}

  bool null() override {
    if (level_ == Level::kRoot && key_ == kMetadata) return true;  // as in the reference implementation
    return unexpected();
  }
  bool boolean(bool) override { return unexpected(); }
  bool number_integer(int64_t) override { return unexpected(); }  // negative
  bool number_float(double, const std::string&) override { return unexpected(); }
  bool binary(binary_t&) override { return unexpected(); }

  bool number_unsigned(uint64_t value) override {
    if (level_ == Level::kShape) {
      if (value > uint64_t{std::numeric_limits<int64_t>::max()}) place_.fail(tensor_.name, "the shape overflows");
      if (tensor_.shape.size() == kMaxSides) place_.fail(tensor_.name, text("a shape of over ", kMaxSides, " sides"));
      tensor_.shape.push_back(static_cast<int64_t>(value));
      return true;
    }
    if (level_ != Level::kOffsets || offsets_ == 2) return unexpected();
    (offsets_++ == 0 ? tensor_.begin : tensor_.end) = value;
    return true;
  }

  bool string(std::string& value) override {
    if (level_ == Level::kMetadata) {
      if (header_.metadata.size() == kMaxMetadata) place_.fail(kMetadata, text("over ", kMaxMetadata, " entries"));
      if (!header_.metadata.emplace(key_, std::move(value)).second) {
        place_.fail(text(kMetadata, '.', shown(key_)), "this key is there twice");
      }
      return true;
    }
    if (level_ != Level::kTensor || key_ != "dtype") return unexpected();
    const std::optional<SafeDtype> dtype = dtype_named(value);
    if (!dtype) {
      place_.fail(tensor_.name, text("tensors of type ", shown(value), " are not read"),
                  "save the file with one of F64, F32, F16, BF16, F8_E4M3, F8_E5M2, I64 .. I8, U8, BOOL");
    }
    tensor_.dtype = *dtype;
    return true;
  }

  bool key(std::string& key) override {
    key_ = std::move(key);
    if (level_ == Level::kRoot && std::any_of(key_.begin(), key_.end(), is_control)) {
      place_.fail(key_, "a tensor's name holds a control character");
    }
    if (level_ == Level::kTensor) note_field();
    return true;
  }

  bool start_object(size_t) override {
    if (level_ == Level::kOutside) {
      level_ = Level::kRoot;
    } else if (level_ != Level::kRoot) {
      return unexpected();
    } else if (key_ == kMetadata) {
      if (metadata_seen_) place_.fail(kMetadata, "this name is there twice");
      metadata_seen_ = true;
      level_ = Level::kMetadata;
    } else {
      level_ = Level::kTensor;
      tensor_ = {};
      tensor_.name = std::move(key_);
      fields_ = offsets_ = 0;
    }
    return true;
  }

  bool end_object() override {
    if (level_ == Level::kTensor) {
      if (fields_ != kAllFields || offsets_ != 2) fail_entry(tensor_.name);
      header_.tensors.push_back(std::move(tensor_));
    }
    level_ = level_ == Level::kRoot ? Level::kOutside : Level::kRoot;
    return true;
  }

  bool start_array(size_t) override {
    if (level_ == Level::kTensor && key_ == "shape") {
      level_ = Level::kShape;
    } else if (level_ == Level::kTensor && key_ == "data_offsets") {
      level_ = Level::kOffsets;
    } else {
      return unexpected();
    }
    return true;
  }

  bool end_array() override {
    level_ = Level::kTensor;
    return true;
  }

  bool parse_error(size_t position, const std::string&, const nlohmann::detail::exception&) override {
    place_.fail("", text("the header is not JSON (byte ", position + 7, " of the file)"));
  }

 private:
  enum class Level { kOutside, kRoot, kMetadata, kTensor, kShape, kOffsets };
  static constexpr std::string_view kMetadata = "__metadata__";
  static constexpr unsigned kAllFields = 7;

  /// Marks the field that begins; each comes once.
  void note_field() {
    const unsigned field = key_ == "dtype" ? 1 : key_ == "shape" ? 2 : key_ == "data_offsets" ? 4 : 0;
    if (field == 0) place_.fail(tensor_.name, text("\"", shown(key_), "\" is no field of a tensor"));
    if (fields_ & field) place_.fail(tensor_.name, text(key_, " is there twice"));
    fields_ |= field;
  }

  [[noreturn]] void fail_entry(std::string_view name) const {
    place_.fail(name, "dtype, shape and data_offsets (two natural numbers) are needed");
  }

  /// A value of a kind that has no place here.
  [[noreturn]] bool unexpected() const {
    switch (level_) {
      case Level::kOutside: place_.fail("", "the header is not a JSON object");
      case Level::kRoot:
        if (key_ == kMetadata) place_.fail(kMetadata, "not an object");
        fail_entry(key_);
      case Level::kMetadata: place_.fail(text(kMetadata, '.', shown(key_)), "not a string");
      case Level::kTensor: fail_entry(tensor_.name);
      case Level::kShape: place_.fail(tensor_.name, "a side of the shape is not a natural number");
      case Level::kOffsets: place_.fail(tensor_.name, "data_offsets must be two natural numbers");
    }
    __builtin_unreachable();
  }

  Place place_;
  SafetensorsHeader& header_;
  Level level_ = Level::kOutside;
  std::string key_;
  SafeTensorInfo tensor_{};
  unsigned fields_ = 0, offsets_ = 0;
  bool metadata_seen_ = false;
};

/// The JSON between the length and the data section. A file whose ninth byte is no `{` is something else.
std::string_view header_text(std::span<const std::byte> file, const Place& place) {
  if (file.size() < 9 || file[8] != std::byte{'{'}) {
    if (const auto foreign = foreign_file(file)) {
      place.fail("", text("this is ", foreign->what, ", not a safetensors file"), foreign->hint);
    }
  }
  if (file.size() < 8) place.fail("", "the file is too short for a safetensors header");
  uint64_t length = 0;
  std::memcpy(&length, file.data(), 8);
  if (length > kMaxHeader) {
    place.fail("",
               text("the header claims ", human_bytes(static_cast<double>(length)), ": this is no safetensors file"));
  }
  if (length > file.size() - 8) {
    place.fail("", text("cut short: the header needs ", length, " bytes, the file has ", file.size() - 8),
               "fetch the file again");
  }
  const std::string_view json(reinterpret_cast<const char*>(file.data()) + 8, length);
  if (!json.starts_with('{')) place.fail("", "the header is not a JSON object");
  return json;
}

void check_bytes(const SafeTensorInfo& tensor, const Place& place) {
  uint64_t bytes = safe_dtype_size(tensor.dtype);
  bool empty = false;
  for (const int64_t side : tensor.shape) {
    empty |= side == 0;
    const auto factor = static_cast<uint64_t>(std::max<int64_t>(side, 1));  // strides of an empty tensor count too
    if (__builtin_mul_overflow(bytes, factor, &bytes) || bytes > uint64_t{std::numeric_limits<int64_t>::max()}) {
      place.fail(tensor.name, "the shape overflows");
    }
  }
  if (empty) bytes = 0;
  if (tensor.begin > tensor.end) {
    place.fail(tensor.name, text("its bytes end at ", tensor.end, " before they begin at ", tensor.begin));
  }
  if (tensor.end - tensor.begin != bytes) {
    place.fail(tensor.name,
               text("shape and dtype need ", bytes, " bytes, the offsets give ", tensor.end - tensor.begin));
  }
}

/// Tensors, sorted, must tile the data section: no gap, no overlap, nothing left over.
void check_layout(const std::vector<SafeTensorInfo>& tensors, uint64_t data_size, const Place& place) {
  uint64_t expected = 0;
  for (const SafeTensorInfo& tensor : tensors) {
    if (tensor.begin < expected) place.fail(tensor.name, "its bytes overlap another tensor's");
    if (tensor.begin > expected) place.fail(tensor.name, "a gap lies before its bytes");
    expected = tensor.end;
  }
  if (expected > data_size) {
    const auto first = std::find_if(tensors.begin(), tensors.end(), [&](const auto& t) { return t.end > data_size; });
    place.fail(first->name,
               text("cut short: its bytes ", first->begin, "..", first->end, " lie outside the ", data_size,
                    " bytes of data that are there; the header tells of ", expected),
               "fetch the file again");
  }
  if (expected < data_size) place.fail("", text(data_size - expected, " bytes after the last tensor belong to none"));
}

void check_names(const std::vector<SafeTensorInfo>& tensors, const Place& place) {
  std::vector<std::string_view> names;
  names.reserve(tensors.size());
  for (const SafeTensorInfo& tensor : tensors) names.push_back(tensor.name);
  std::sort(names.begin(), names.end());
  const auto twice = std::adjacent_find(names.begin(), names.end());
  if (twice != names.end()) place.fail(*twice, "this name is there twice");
}

}  // namespace

std::string_view safe_dtype_name(SafeDtype dtype) { return row_of(dtype).name; }

size_t safe_dtype_size(SafeDtype dtype) { return row_of(dtype).size; }

int64_t SafeTensorInfo::element_count() const { return static_cast<int64_t>(byte_count() / safe_dtype_size(dtype)); }

SafetensorsHeader parse_safetensors_header(std::span<const std::byte> file, const std::string& name) {
  const Place place{name};
  const std::string_view json = header_text(file, place);
  SafetensorsHeader header;
  header.data_begin = 8 + json.size();
  HeaderEvents events(place, header);
  nlohmann::json::sax_parse(json.begin(), json.end(), &events);
  for (const SafeTensorInfo& tensor : header.tensors) check_bytes(tensor, place);
  std::sort(header.tensors.begin(), header.tensors.end(), [](const SafeTensorInfo& a, const SafeTensorInfo& b) {
    return std::tie(a.begin, a.end, a.name) < std::tie(b.begin, b.end, b.name);
  });
  check_layout(header.tensors, file.size() - header.data_begin, place);
  check_names(header.tensors, place);
  return header;
}

}  // namespace atelier
