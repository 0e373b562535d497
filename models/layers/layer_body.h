// The switch between the two bodies of every `norm + activation -> projection` unit.
#pragma once

#include "models/module.h"

namespace atelier {

/// kPlain: a chain of ATen operations, each keeping what it needs for backward. kFused: norm and activation are one
/// operation that keeps its input and statistics, and projections make their input again in backward. Same results but
/// for rounding; gradients of gradients are refused by kFused. Modules begin with kFused.
enum class LayerBody { kPlain, kFused };

/// Sets the body of every unit under `root` (and of `root`).
void set_layer_body(Module& root, LayerBody body);

}  // namespace atelier
