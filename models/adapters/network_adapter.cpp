#include "models/adapters/network_adapter.h"

#include <ATen/ATen.h>

#include <cmath>
#include <stdexcept>

#include "configs/base/error.h"
#include "configs/base/text.h"
#include "models/adapters/dora.h"

namespace atelier {
namespace {

constexpr const char* kDoraScale = "dora_scale";
constexpr const char* kMagnitude = "lora_magnitude_vector";

}  // namespace

const at::Tensor& AdapterParts::at(const std::string& tensor) const {
  const auto found = tensors.find(tensor);
  if (found == tensors.end()) throw WeightsError(text("the adapter ", module, " lacks its ", tensor), file);
  return found->second;
}

void AdapterParts::require(bool fits) const {
  if (!fits) throw WeightsError(text("the tensors or the alpha of the adapter ", module, " do not go together"), file);
}

NetworkAdapter::NetworkAdapter(int64_t rank, const AdapterParts& parts)
    : rank_(rank), alpha_(parts.alpha.value_or(static_cast<double>(rank))) {
  parts.require(rank > 0 && std::isfinite(alpha_));
  if (alpha_ == 0) alpha_ = static_cast<double>(rank);  // as LyCORIS and sd-scripts take it
  if (parts.has(kDoraScale)) own(kDoraScale, dora_scale_, parts);
  if (!parts.has(kMagnitude)) return;
  // PEFT has [out], or [1, out, 1, 1] of a convolution.
  const at::Tensor& magnitude = parts.at(kMagnitude);
  std::vector<int64_t> shape(magnitude.dim() < 2 ? 2 : magnitude.dim(), 1);
  shape[0] = magnitude.numel();
  add_parameter(kDoraScale, dora_scale_, shape, Init::constant(1));
  dora_scale_ = magnitude.reshape(shape);
}

void NetworkAdapter::own(const std::string& name, at::Tensor& member, const AdapterParts& parts) {
  const at::Tensor& values = parts.at(name);
  add_parameter(name, member, values.sizes().vec(), Init::constant(0));
  member = values;
}

bool NetworkAdapter::fits_shape(at::IntArrayRef weight_shape) const {
  return factors_fit(weight_shape) && (!decomposes() || dora_scale_fits(dora_scale_.sizes(), weight_shape));
}

at::Tensor NetworkAdapter::adapted_weight(const at::Tensor& weight) const {
  if (!decomposes()) return sum_with(weight);
  return decomposed_weight(weight, difference(weight.sizes()), dora_scale_, multiplier_);
}

at::Tensor NetworkAdapter::sum_with(const at::Tensor& weight) const {
  return at::add(weight, difference(weight.sizes()).to(weight.scalar_type()), multiplier_);
}

void NetworkAdapter::add_to_rows(at::Tensor&, int64_t) const {
  throw std::logic_error("NetworkAdapter::add_to_rows: this adapter needs the whole weight");
}

void NetworkAdapter::decompose(at::IntArrayRef weight_shape) {
  std::vector<int64_t> shape(weight_shape.size(), 1);
  shape[0] = weight_shape[0];
  add_parameter(kDoraScale, dora_scale_, std::move(shape), Init::constant(1));
}

void NetworkAdapter::begin_at(const at::Tensor& weight) {
  if (decomposes()) dora_scale_.copy_(norm_of_outputs(weight.detach()));
}

std::vector<std::pair<std::string, at::Tensor>> NetworkAdapter::file_tensors() const {
  const std::string scaled = scaled_parameter();
  const double written_alpha = scaled.empty() ? alpha_ : static_cast<double>(rank_);
  std::vector<std::pair<std::string, at::Tensor>> tensors = {{"alpha", at::scalar_tensor(written_alpha, at::kFloat)}};
  for_each_parameter(ConstVisit([&](const std::string& name, const at::Tensor& tensor) {
    const at::Tensor values = tensor.detach().to(at::kCPU, at::kFloat);
    tensors.emplace_back(name, name == scaled ? values * scale() : values);
  }));
  return tensors;
}

}  // namespace atelier
