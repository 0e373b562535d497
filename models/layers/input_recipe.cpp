#include "models/layers/input_recipe.h"

#include <utility>

namespace atelier {

at::Tensor InputRecipe::take() {
  if (!made_.defined()) made_ = make();
  if (++served_ < takers_) return made_;
  served_ = 0;
  return std::exchange(made_, {});
}

void InputRecipe::drop() {
  served_ = 0;
  made_.reset();
}

}  // namespace atelier
