#include "tools/atelier/tensor_check.h"

#include <cstring>

#include "configs/base/interrupt.h"
#include "configs/base/thread_pool.h"

namespace atelier {
namespace {

/// IEEE numbers: an exponent of all ones means infinity (no mantissa) or NaN. One pass that the compiler vectorises
/// looks for such exponents; only where there are some they are told apart.
template <typename Bits>
TensorFault check_ieee(std::span<const std::byte> bytes, Bits exponent, Bits mantissa) {
  const auto at = [&](size_t i) {
    Bits bits;
    std::memcpy(&bits, bytes.data() + i * sizeof(Bits), sizeof(Bits));
    return bits;
  };
  const size_t count = bytes.size() / sizeof(Bits);
  TensorFault fault;
  int64_t all_ones = 0;
  for (size_t i = 0; i < count; ++i) all_ones += (at(i) & exponent) == exponent;
  for (size_t i = 0; all_ones > 0 && i < count; ++i) {
    if ((at(i) & exponent) == exponent) ++((at(i) & mantissa) != 0 ? fault.nan : fault.infinite);
  }
  return fault;
}

/// F8_E4M3 as OCP's FP8 has it: no infinities, NaN is all ones.
TensorFault check_e4m3(std::span<const std::byte> bytes) {
  TensorFault fault;
  for (const std::byte byte : bytes) fault.nan += (byte & std::byte{0x7F}) == std::byte{0x7F};
  return fault;
}

}  // namespace

TensorFault check_elements(std::span<const std::byte> bytes, SafeDtype dtype) {
  switch (dtype) {
    case SafeDtype::kF64: return check_ieee<uint64_t>(bytes, 0x7FF0000000000000, 0x000FFFFFFFFFFFFF);
    case SafeDtype::kF32: return check_ieee<uint32_t>(bytes, 0x7F800000, 0x007FFFFF);
    case SafeDtype::kF16: return check_ieee<uint16_t>(bytes, 0x7C00, 0x03FF);
    case SafeDtype::kBF16: return check_ieee<uint16_t>(bytes, 0x7F80, 0x007F);
    case SafeDtype::kF8E5M2: return check_ieee<uint8_t>(bytes, 0x7C, 0x03);
    case SafeDtype::kF8E4M3: return check_e4m3(bytes);
    default: return {};
  }
}

std::vector<TensorFault> find_faults(const SafetensorsFile& file) {
  const std::vector<SafeTensorInfo>& tensors = file.tensors();
  std::vector<TensorFault> found(tensors.size());
  parallel_for(static_cast<int64_t>(tensors.size()), /*thread_count=*/0, [&](int64_t i) {
    check_interrupted();
    const SafeTensorInfo& tensor = tensors[static_cast<size_t>(i)];
    found[static_cast<size_t>(i)] = check_elements(file.bytes(tensor), tensor.dtype);
    found[static_cast<size_t>(i)].name = tensor.name;
    file.drop_pages(tensor);
  });
  std::erase_if(found, [](const TensorFault& fault) { return fault.nan == 0 && fault.infinite == 0; });
  return found;
}

}  // namespace atelier
