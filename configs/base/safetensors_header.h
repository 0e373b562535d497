// The header of a safetensors file as a pure function of its bytes: every rule of the format is checked here, before
// any tensor is looked at.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "configs/base/safetensors.h"

namespace atelier {

struct SafetensorsHeader {
  uint64_t data_begin = 0;              // bytes before the data section
  std::vector<SafeTensorInfo> tensors;  // in the order of the data section; their bytes tile it
  std::map<std::string, std::string> metadata;
};

/// Parses and checks the header of the file `name` whose whole content is `file` (only the header is touched). Memory
/// stays within a small multiple of the header. WeightsError naming file and tensor for whatever the format forbids:
/// - the first 8 bytes and the header do not fit the file, the header is over 100 MB or not one JSON object;
/// - a name twice, a control character in a name, metadata that are not strings, unknown or missing fields;
/// - a dtype that is none of SafeDtype, a shape that is not natural numbers, has over 64 sides or overflows 64 bits;
/// - offsets that do not match dtype and shape, lie outside the file, overlap or leave a gap.
/// A foreign format (pickle, GGUF, ...) is called by its name.
SafetensorsHeader parse_safetensors_header(std::span<const std::byte> file, const std::string& name);

}  // namespace atelier
