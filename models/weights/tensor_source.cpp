#include "models/weights/tensor_source.h"

#include <ATen/ATen.h>

#include <utility>

#include "configs/base/text.h"
#include "models/module.h"
#include "models/weights/weights.h"

namespace atelier {

TensorSource tensor_of_file(std::shared_ptr<const SafetensorsFile> file, const SafeTensorInfo& info, std::string name) {
  const SafeTensorInfo* const tensor = &info;
  return {.name = std::move(name),
          .dtype = info.dtype,
          .shape = info.shape,
          .read =
              [file, tensor] {
                void* const bytes = const_cast<std::byte*>(file->bytes(*tensor).data());
                return at::from_blob(bytes, tensor->shape, at::TensorOptions().dtype(scalar_type(tensor->dtype)));
              },
          .release = [file, tensor] { file->drop_pages(*tensor); }};
}

TensorSource rows_of(const TensorSource& whole, int64_t first, int64_t count, std::string name) {
  TensorSource rows = whole;
  rows.name = std::move(name);
  rows.shape.front() = count;
  rows.read = [read = whole.read, first, count] { return read().narrow(0, first, count); };
  return rows;
}

TensorSource transposed(TensorSource source) {
  std::swap(source.shape.at(0), source.shape.at(1));
  source.read = [read = std::move(source.read)] { return read().t(); };
  return source;
}

TensorSource reshaped(TensorSource source, std::vector<int64_t> shape) {
  source.shape = shape;
  source.read = [read = std::move(source.read), shape = std::move(shape)] { return read().reshape(shape); };
  return source;
}

TensorSource stacked(std::vector<TensorSource> sources, std::string name) {
  TensorSource whole;
  whole.name = std::move(name);
  whole.dtype = sources.front().dtype;
  whole.shape = sources.front().shape;
  whole.shape.front() = 0;
  for (const TensorSource& source : sources) whole.shape.front() += source.shape.front();
  const auto parts = std::make_shared<const std::vector<TensorSource>>(std::move(sources));
  whole.read = [parts] {
    std::vector<at::Tensor> tensors;
    for (const TensorSource& source : *parts) tensors.push_back(source.read().to(scalar_type(parts->front().dtype)));
    return at::cat(tensors);
  };
  whole.release = [parts] {
    for (const TensorSource& source : *parts) {
      if (source.release) source.release();
    }
  };
  return whole;
}

TensorSource tensor_at_hand(const at::Tensor& tensor, std::string name) {
  return {.name = std::move(name),
          .dtype = safe_dtype(tensor.scalar_type()),
          .shape = tensor.sizes().vec(),
          .read = [tensor] { return tensor; },
          .release = {}};
}

std::vector<TensorSource> tensors_of_module(const Module& module) {
  std::vector<TensorSource> sources;
  module.for_each_parameter(Module::ConstVisit([&](const std::string& name, const at::Tensor& tensor) {
    sources.push_back(tensor_at_hand(tensor.detach(), name));
  }));
  return sources;
}

std::string describe_tensor(const TensorSource& source) {
  std::vector<std::string> sides;
  for (const int64_t side : source.shape) sides.push_back(std::to_string(side));
  return text(safe_dtype_name(source.dtype), " [", join(sides, ", "), ']');
}

std::span<const std::byte> tensor_bytes(const at::Tensor& contiguous) {
  return {static_cast<const std::byte*>(contiguous.const_data_ptr()), contiguous.nbytes()};
}

bool is_floating(SafeDtype dtype) { return at::isFloatingType(scalar_type(dtype)); }

}  // namespace atelier
