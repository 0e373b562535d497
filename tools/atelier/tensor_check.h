// Search for numbers that are none (NaN, infinity) in the tensors of a weight file, without torch.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "configs/base/safetensors.h"

namespace atelier {

struct TensorFault {
  std::string name;
  int64_t nan = 0, infinite = 0;  // elements
};

/// Counts NaN and infinities of floating elements; integers have none.
TensorFault check_elements(std::span<const std::byte> bytes, SafeDtype dtype);

/// Reads every tensor, on all cores, giving its pages back; the faulty ones in the file's order.
std::vector<TensorFault> find_faults(const SafetensorsFile& file);

}  // namespace atelier
