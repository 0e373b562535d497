// The number types of weights by the names that users give: --dtype, save.precision.
#pragma once

#include <array>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "configs/base/safetensors.h"

namespace atelier {

constexpr std::array<std::pair<std::string_view, SafeDtype>, 3> kDtypeNames = {
    {{"fp16", SafeDtype::kF16}, {"bf16", SafeDtype::kBF16}, {"fp32", SafeDtype::kF32}}};

/// REQUIRES a name of kDtypeNames: options are checked where they are read.
constexpr SafeDtype named_dtype(std::string_view name) {
  for (const auto& [known, dtype] : kDtypeNames) {
    if (known == name) return dtype;
  }
  throw std::logic_error("no number type of weights");
}

}  // namespace atelier
