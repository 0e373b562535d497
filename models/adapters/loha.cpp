#include "models/adapters/loha.h"

#include <ATen/ATen.h>

#include "configs/base/text.h"
#include "models/adapters/tucker.h"

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
    parts.require(tucker_fits(first_.core, first_.a.sizes(), first_.b.sizes()) &&
                  tucker_fits(second_.core, second_.a.sizes(), second_.b.sizes()) &&
                  first_.core.sizes().slice(2) == second_.core.sizes().slice(2) &&
                  first_.a.size(1) == second_.a.size(1) && first_.b.size(1) == second_.b.size(1));
    return;
  }
  parts.require(first_.a.size(1) == first_.b.size(0) && second_.a.size(1) == second_.b.size(0) &&
                first_.a.size(0) == second_.a.size(0) && first_.b.size(1) == second_.b.size(1));
}

at::Tensor Loha::Factor::product() const { return core.defined() ? tucker_product(core, a, b) : a.matmul(b); }

at::Tensor Loha::difference(at::IntArrayRef weight_shape) const {
  const at::Tensor product = first_.product() * second_.product();
  return (scale() == 1 ? product : product * scale()).view(weight_shape);
}

bool Loha::factors_fit(at::IntArrayRef weight_shape) const {
  if (!first_.core.defined()) {
    return first_.a.size(0) == weight_shape[0] && first_.b.size(1) == c10::multiply_integers(weight_shape.slice(1));
  }
  return first_.a.size(1) == weight_shape[0] && first_.b.size(1) == weight_shape[1] &&
         first_.core.sizes().slice(2) == weight_shape.slice(2);
}

std::string Loha::scaled_parameter() const { return "hada_w1_a"; }

std::string Loha::shape_text() const {
  if (!first_.core.defined()) return text('[', first_.a.size(0), ", ", first_.b.size(1), ']');
  return text('[', first_.a.size(1), ", ", first_.b.size(1), ", ", first_.core.size(2), ", ", first_.core.size(3), ']');
}

}  // namespace atelier
