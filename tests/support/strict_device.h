// A device that is not the CPU, made of host memory. An operation that meets tensors of both fails as it would on a
// GPU, so that a tensor left behind is found where there is no GPU. Arithmetic is the CPU's; it says nothing about
// CUDA's kernels. Included by one file of a program: it registers torch's PrivateUse1 backend.
#pragma once

#include <ATen/ATen.h>
#include <ATen/EmptyTensor.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/detail/PrivateUse1HooksInterface.h>
#include <ATen/native/transformers/sdp_utils_cpp.h>
#include <ATen/ops/_reshape_alias_native.h>
#include <ATen/ops/as_strided_native.h>
#include <ATen/ops/view_native.h>
#include <c10/core/CPUAllocator.h>
#include <c10/core/DeviceType.h>
#include <c10/core/impl/FakeGuardImpl.h>
#include <torch/library.h>

#include <cstring>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace atelier::strict_device {

constexpr auto kType = c10::DeviceType::PrivateUse1;
inline const at::Device kDevice(kType, 0);

class Allocator final : public c10::Allocator {
 public:
  c10::DataPtr allocate(size_t bytes) override {
    c10::DataPtr host = c10::GetCPUAllocator()->allocate(bytes);
    void* const data = host.get();
    const c10::DeleterFnPtr deleter = host.get_deleter();
    return {data, host.release_context(), deleter, kDevice};
  }
  void copy_data(void* to, const void* from, size_t bytes) const override { std::memcpy(to, from, bytes); }
};

struct Hooks final : at::PrivateUse1HooksInterface {
  bool isBuilt() const override { return true; }
  bool isAvailable() const override { return true; }
  bool hasPrimaryContext(c10::DeviceIndex) const override { return true; }
  c10::DeviceIndex deviceCount() const override { return 1; }
};

inline bool is_strict(const at::Tensor& tensor) { return tensor.defined() && tensor.device().type() == kType; }

inline at::Tensor empty(c10::SymIntArrayRef size, std::optional<at::ScalarType> type, std::optional<at::Layout>,
                        std::optional<at::Device>, std::optional<bool>, std::optional<at::MemoryFormat> format) {
  static Allocator allocator;
  return at::detail::empty_generic(C10_AS_INTARRAYREF_SLOW(size), &allocator,
                                   c10::DispatchKeySet(c10::DispatchKey::PrivateUse1), type.value_or(at::kFloat),
                                   format);
}

inline at::Tensor empty_strided(c10::SymIntArrayRef size, c10::SymIntArrayRef stride,
                                std::optional<at::ScalarType> type, std::optional<at::Layout>,
                                std::optional<at::Device>, std::optional<bool>) {
  static Allocator allocator;
  return at::detail::empty_strided_generic(C10_AS_INTARRAYREF_SLOW(size), C10_AS_INTARRAYREF_SLOW(stride), &allocator,
                                           c10::DispatchKeySet(c10::DispatchKey::PrivateUse1),
                                           type.value_or(at::kFloat));
}

/// The same memory as a tensor of the CPU.
inline at::Tensor host_alias(const at::Tensor& tensor) {
  if (!is_strict(tensor)) return tensor;
  return at::from_blob(tensor.data_ptr(), tensor.sizes(), tensor.strides(), at::TensorOptions(tensor.scalar_type()));
}

inline at::Tensor from_host(const at::Tensor& host) {
  if (!host.defined()) return host;
  at::Tensor tensor = at::empty_strided(host.sizes(), host.strides(), host.options().device(kDevice));
  host_alias(tensor).copy_(host);
  return tensor;
}

inline at::Tensor copy_from(const at::Tensor& from, const at::Tensor& to, bool) {
  host_alias(to).copy_(host_alias(from));
  return to;
}

/// One call of an operator on host aliases of its arguments.
class HostCall {
 public:
  explicit HostCall(std::string name) : name_(std::move(name)) {}

  c10::IValue argument(const c10::IValue& value) {
    if (value.isTensor()) return to_host(value.toTensor());
    if (value.isTensorList()) {
      c10::List<at::Tensor> list;
      for (const at::Tensor& tensor : value.toTensorVector()) list.push_back(to_host(tensor));
      return list;
    }
    if (value.isOptionalTensorList()) {
      c10::List<std::optional<at::Tensor>> list;
      for (const std::optional<at::Tensor>& tensor : value.toOptionalTensorVector()) {
        list.push_back(tensor ? std::optional(to_host(*tensor)) : std::nullopt);
      }
      return list;
    }
    if (value.isDevice()) return at::Device(at::kCPU);
    return value;
  }

  c10::IValue result(const c10::IValue& value) const {
    if (value.isTensor()) return to_device(value.toTensor());
    if (value.isTensorList()) {
      c10::List<at::Tensor> list;
      for (const at::Tensor& tensor : value.toTensorVector()) list.push_back(to_device(tensor));
      return list;
    }
    return value;
  }

 private:
  /// Tensors of one number may stay on the CPU, as with CUDA.
  at::Tensor to_host(const at::Tensor& tensor) {
    if (!tensor.defined() || (!is_strict(tensor) && tensor.dim() == 0)) return tensor;
    if (!is_strict(tensor)) throw std::runtime_error(name_ + ": tensors of the device and of the CPU together");
    // An empty output may be resized, which an alias cannot.
    const at::Tensor host = tensor.numel() == 0 ? at::empty(tensor.sizes(), tensor.scalar_type()) : host_alias(tensor);
    pairs_.emplace_back(host, tensor);
    return host;
  }

  at::Tensor to_device(const at::Tensor& host) const {
    for (const auto& [alias, tensor] : pairs_) {
      if (!alias.is_same(host)) continue;
      if (alias.sizes() != tensor.sizes()) {
        const at::Tensor resized = from_host(alias);
        tensor.unsafeGetTensorImpl()->set_storage_keep_dtype(resized.storage());
        tensor.unsafeGetTensorImpl()->set_sizes_and_strides(resized.sizes(), resized.strides());
      }
      return tensor;
    }
    return from_host(host);
  }

  std::string name_;
  std::vector<std::pair<at::Tensor, at::Tensor>> pairs_;  // host alias, tensor of the device
};

inline void on_host(const c10::OperatorHandle& op, torch::jit::Stack* stack) {
  HostCall call(op.schema().name());
  const size_t first = stack->size() - op.schema().arguments().size();
  for (size_t i = first; i < stack->size(); ++i) (*stack)[i] = call.argument((*stack)[i]);
  op.callBoxed(stack);
  for (size_t i = first; i < stack->size(); ++i) (*stack)[i] = call.result((*stack)[i]);
}

inline at::Tensor on_device(HostCall& call, const at::Tensor& host) { return call.result(host).toTensor(); }

inline at::Tensor convolution(const at::Tensor& input, const at::Tensor& weight, const std::optional<at::Tensor>& bias,
                              c10::SymIntArrayRef stride, c10::SymIntArrayRef padding, c10::SymIntArrayRef dilation,
                              bool transposed, c10::SymIntArrayRef output_padding, c10::SymInt groups) {
  HostCall call("convolution");
  const auto host = [&](const at::Tensor& tensor) { return call.argument(tensor).toTensor(); };
  const at::Tensor host_bias = bias && bias->defined() ? host(*bias) : at::Tensor();
  return on_device(call, at::convolution_symint(host(input), host(weight), host_bias, stride, padding, dilation,
                                                transposed, output_padding, groups));
}

inline std::tuple<at::Tensor, at::Tensor, at::Tensor> convolution_backward(
    const at::Tensor& gradient, const at::Tensor& input, const at::Tensor& weight, c10::SymIntArrayRef stride,
    c10::SymIntArrayRef padding, c10::SymIntArrayRef dilation, bool transposed, c10::SymIntArrayRef output_padding,
    c10::SymInt groups, std::array<bool, 3> wanted) {
  HostCall call("convolution_backward");
  const auto host = [&](const at::Tensor& tensor) { return call.argument(tensor).toTensor(); };
  const std::vector<c10::SymInt> bias_sizes{weight.sym_size(transposed ? 1 : 0)};
  const auto [of_input, of_weight, of_bias] =
      at::convolution_backward_symint(host(gradient), host(input), host(weight), c10::SymIntArrayRef(bias_sizes),
                                      stride, padding, dilation, transposed, output_padding, groups, wanted);
  return {on_device(call, of_input), on_device(call, of_weight), on_device(call, of_bias)};
}

inline int64_t attention_choice(const at::Tensor&, const at::Tensor&, const at::Tensor&,
                                const std::optional<at::Tensor>&, double, bool, std::optional<double>, bool) {
  return static_cast<int64_t>(sdp::SDPBackend::math);
}

C10_REGISTER_GUARD_IMPL(PrivateUse1, c10::impl::FakeGuardImpl<kType>);

TORCH_LIBRARY_IMPL(aten, PrivateUse1, library) {
  c10::register_privateuse1_backend("strict");
  static Hooks hooks;
  at::RegisterPrivateUse1HooksInterface(&hooks);
  library.impl("empty.memory_format", empty);
  library.impl("empty_strided", empty_strided);
  library.impl("as_strided", at::native::as_strided_tensorimpl);
  library.impl("view", at::native::view);
  library.impl("_reshape_alias", at::native::_reshape_alias);
  library.impl("_copy_from", copy_from);
  library.impl("convolution_overrideable", convolution);
  library.impl("convolution_backward_overrideable", convolution_backward);
  library.impl("_fused_sdp_choice", attention_choice);
}

TORCH_LIBRARY_IMPL(_, PrivateUse1, library) { library.fallback(torch::CppFunction::makeFromBoxedFunction<&on_host>()); }

}  // namespace atelier::strict_device
