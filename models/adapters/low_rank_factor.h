// The low-rank matrix that LoHa and LoKr are made of; of convolutions also in Tucker form.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace atelier {

/// a b, or with a core [out, in, kh, kw] = sum over i, j of core[i, j] * a[i, out] * b[j, in].
struct LowRankFactor {
  at::Tensor a, b;  // [out, r] and [r, in * kh * kw] (or [r, in, kh, kw]); in Tucker form [r, out] and [r, in]
  at::Tensor core;  // [r, r, kh, kw], undefined but in Tucker form

  /// Whether these go together.
  bool fits() const;
  int64_t outputs() const;
  int64_t inputs() const;  // of one kernel position in Tucker form, else of all together
  at::Tensor product() const;
};

}  // namespace atelier
