#include "models/layers/layer_body.h"

#include <string>

#include "models/layers/projection.h"

namespace atelier {

void set_layer_body(Module& root, LayerBody body) {
  root.for_each_module([body](const std::string&, Module& module) {
    if (auto* projection = dynamic_cast<Projection*>(&module)) projection->set_body(body);
  });
}

}  // namespace atelier
