// Multi-head attention on projected queries, keys and values.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace atelier {

/// softmax(q k^T / sqrt(C / heads)) v in each head, through ATen's scaled_dot_product_attention. `causal`: a query sees
/// no later key. Heads are views and no mask is passed, so every backend takes the call without a copy: flash on a
/// CPU; on CUDA in half precision cuDNN's where torch prefers it (sm_90, sm_100), else flash: it sets their order
/// for the device at the first call, whatever was set before.
at::Tensor attention(const at::Tensor& query,              // [B, L, C]
                     const at::Tensor& key,                // [B, M, C]
                     const at::Tensor& value,              // [B, M, C]
                     int64_t heads, bool causal = false);  // [B, L, C]

}  // namespace atelier
