// One tensor wherever it lies: in a file, in a part of another tensor of a file, or in a module. What reads weights and
// what writes them meet here, under diffusers' and transformers' names.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "configs/base/safetensors.h"

namespace atelier {

class Module;

struct TensorSource {
  std::string name;
  SafeDtype dtype = SafeDtype::kF32;
  std::vector<int64_t> shape;
  /// The values: a view where possible, so read-only, perhaps not contiguous, perhaps on another device.
  std::function<at::Tensor()> read;
  /// Tells that the values have been used: a file's pages need not stay in memory. May be empty.
  std::function<void()> release;
};

/// A tensor of a file as it is.
TensorSource tensor_of_file(std::shared_ptr<const SafetensorsFile> file, const SafeTensorInfo& info, std::string name);

/// Rows [first, first + count) of `whole` along its first dimension.
TensorSource rows_of(const TensorSource& whole, int64_t first, int64_t count, std::string name);
/// `source` [A, B] as [B, A].
TensorSource transposed(TensorSource source);
/// The same values in another shape of as many elements.
TensorSource reshaped(TensorSource source, std::vector<int64_t> shape);
/// `sources`, alike but for the first side, one below the other.
TensorSource stacked(std::vector<TensorSource> sources, std::string name);
/// A tensor at hand.
TensorSource tensor_at_hand(const at::Tensor& tensor, std::string name);

/// Every parameter of `module`, which must outlive them.
std::vector<TensorSource> tensors_of_module(const Module& module);

/// "F16 [1280, 320]"
std::string describe_tensor(const TensorSource& source);

/// The bytes of a contiguous tensor on the CPU, valid while it lives.
std::span<const std::byte> tensor_bytes(const at::Tensor& contiguous);

/// Half, bfloat16, the float8s, single or double.
bool is_floating(SafeDtype dtype);

}  // namespace atelier
