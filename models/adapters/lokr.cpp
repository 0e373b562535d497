#include "models/adapters/lokr.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "configs/base/text.h"

namespace atelier {

std::pair<int64_t, int64_t> kronecker_sides(int64_t dimension, int64_t factor) {
  if (factor > 0 && dimension % factor == 0) return std::minmax(factor, dimension / factor);
  const int64_t bound = factor < 0 ? dimension : factor;
  std::pair<int64_t, int64_t> sides{1, dimension};
  // The sum falls until the root is passed.
  for (int64_t m = 2; m <= bound && m * m <= dimension; ++m) {
    if (dimension % m == 0) sides = {m, dimension / m};
  }
  return sides;
}

Lokr::Lokr(at::IntArrayRef weight_shape, const AdapterSize& size) : NetworkAdapter(size.rank, size.alpha) {
  const auto [small_out, large_out] = kronecker_sides(weight_shape[0], size.factor);
  const auto [small_in, large_in] = kronecker_sides(weight_shape[1], size.factor);
  const int64_t kernel = c10::multiply_integers(weight_shape.slice(2));
  add_parameter("lokr_w1", first_.whole, {small_out, small_in}, Init::fan_in(small_in));
  if (2 * size.rank >= std::max(large_out, large_in)) {
    std::vector<int64_t> shape = weight_shape.vec();
    shape[0] = large_out, shape[1] = large_in;
    add_parameter("lokr_w2", second_.whole, std::move(shape), Init::constant(0));
    ignore_alpha();
    return;
  }
  add_parameter("lokr_w2_a", second_.product.a, {large_out, size.rank}, Init::fan_in(size.rank));
  add_parameter("lokr_w2_b", second_.product.b, {size.rank, large_in * kernel}, Init::constant(0));
}

int64_t Lokr::file_rank(const AdapterParts& parts) {
  for (const char* name : {"lokr_w2_b", "lokr_w1_b"}) {
    if (!parts.has(name)) continue;
    parts.require(parts.at(name).dim() >= 2);
    return parts.at(name).size(0);
  }
  return 1;
}

Lokr::Lokr(const AdapterParts& parts) : NetworkAdapter(file_rank(parts), parts) {
  own_factor("lokr_w1", first_, parts);
  own_factor("lokr_w2", second_, parts);
  parts.require(!first_.product.core.defined() && (!first_.whole.defined() || first_.whole.dim() == 2));
  if (!first_.whole.defined() || !second_.whole.defined()) return;
  ignore_alpha();
  if (parts.whole_scale != 1) first_.whole = first_.whole * parts.whole_scale;
}

void Lokr::own_factor(const std::string& name, Factor& factor, const AdapterParts& parts) {
  if (parts.has(name)) {
    own(name, factor.whole, parts);
    parts.require(factor.whole.dim() == 2 || factor.whole.dim() == 4);
    return;
  }
  own(name + "_a", factor.product.a, parts);
  own(name + "_b", factor.product.b, parts);
  const std::string core = name == "lokr_w2" ? "lokr_t2" : "";
  if (parts.has(core)) own(core, factor.product.core, parts);
  parts.require(factor.product.fits());
}

int64_t Lokr::Factor::outputs() const { return whole.defined() ? whole.size(0) : product.outputs(); }

int64_t Lokr::Factor::inputs() const {
  if (whole.defined()) return whole.numel() / whole.size(0);
  const at::Tensor& core = product.core;
  return product.inputs() * (core.defined() ? core.size(2) * core.size(3) : 1);
}

at::Tensor Lokr::Factor::value() const { return whole.defined() ? whole : product.product(); }

at::Tensor Lokr::difference(at::IntArrayRef weight_shape) const {
  at::Tensor small = first_.value();
  if (scale() != 1) small = small * scale();
  const int64_t outputs = second_.outputs(), inputs = weight_shape[1] / small.size(1);
  // [o1, 1, i1, 1, 1] * [1, o2, 1, i2, kernel]
  const at::Tensor large = second_.value().reshape({1, outputs, 1, inputs, -1});
  return (small.view({small.size(0), 1, small.size(1), 1, 1}) * large).reshape(weight_shape);
}

bool Lokr::factors_fit(at::IntArrayRef weight_shape) const {
  const int64_t small = first_.inputs();
  if (small < 1 || weight_shape[1] % small != 0) return false;
  const int64_t kernel = c10::multiply_integers(weight_shape.slice(2));
  return first_.outputs() * second_.outputs() == weight_shape[0] &&
         second_.inputs() == weight_shape[1] / small * kernel;
}

std::string Lokr::scaled_parameter() const { return first_.whole.defined() ? "lokr_w1" : "lokr_w1_a"; }

std::string Lokr::shape_text() const {
  return text('[', first_.outputs() * second_.outputs(), ", ", first_.inputs() * second_.inputs(), ']');
}

}  // namespace atelier
