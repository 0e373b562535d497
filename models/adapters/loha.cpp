#include "models/adapters/loha.h"

#include <ATen/ATen.h>

#include "configs/base/text.h"

namespace atelier {
namespace {

int64_t loha_rank(const AdapterParts& parts) {
  for (const char* name : {"hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b"})
    parts.require(parts.at(name).dim() == 2);
  return parts.at("hada_w1_b").size(0);
}

}  // namespace

Loha::Loha(at::IntArrayRef weight_shape, const AdapterSize& size) : NetworkAdapter(size.rank, size.alpha) {
  const int64_t outputs = weight_shape[0], inputs = c10::multiply_integers(weight_shape.slice(1));
  // LyCORIS' distributions.
  add_parameter("hada_w1_a", first_.a, {outputs, size.rank}, Init::normal(0.1));
  add_parameter("hada_w1_b", first_.b, {size.rank, inputs}, Init::normal(1));
  add_parameter("hada_w2_a", second_.a, {outputs, size.rank}, Init::constant(0));
  add_parameter("hada_w2_b", second_.b, {size.rank, inputs}, Init::normal(1));
}

Loha::Loha(const AdapterParts& parts) : NetworkAdapter(loha_rank(parts), parts) {
  own("hada_w1_a", first_.a, parts);
  own("hada_w1_b", first_.b, parts);
  own("hada_w2_a", second_.a, parts);
  own("hada_w2_b", second_.b, parts);
  if (parts.has("hada_t1") || parts.has("hada_t2")) {
    own("hada_t1", first_.core, parts);
    own("hada_t2", second_.core, parts);
    parts.require(first_.core.dim() == 4 && second_.core.dim() == 4 &&
                  first_.core.sizes().slice(2) == second_.core.sizes().slice(2));
  }
  parts.require(first_.fits() && second_.fits() && first_.outputs() == second_.outputs() &&
                first_.inputs() == second_.inputs());
}

at::Tensor Loha::difference(at::IntArrayRef weight_shape) const {
  const at::Tensor product = first_.product() * second_.product();
  return (scale() == 1 ? product : product * scale()).view(weight_shape);
}

bool Loha::factors_fit(at::IntArrayRef weight_shape) const {
  if (first_.outputs() != weight_shape[0]) return false;
  if (!first_.core.defined()) return first_.inputs() == c10::multiply_integers(weight_shape.slice(1));
  return first_.inputs() == weight_shape[1] && first_.core.sizes().slice(2) == weight_shape.slice(2);
}

std::string Loha::scaled_parameter() const { return "hada_w1_a"; }

std::string Loha::shape_text() const {
  const std::string sides = text(first_.outputs(), ", ", first_.inputs());
  if (!first_.core.defined()) return text('[', sides, ']');
  return text('[', sides, ", ", first_.core.size(2), ", ", first_.core.size(3), ']');
}

}  // namespace atelier
