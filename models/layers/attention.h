// Multi-head attention on projected queries, keys and values.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace atelier {

/// softmax(q k^T / sqrt(C / heads)) v in each head, through ATen's scaled_dot_product_attention. `causal`: a query sees
/// no later key.
at::Tensor attention(const at::Tensor& query,              // [B, L, C]
                     const at::Tensor& key,                // [B, M, C]
                     const at::Tensor& value,              // [B, M, C]
                     int64_t heads, bool causal = false);  // [B, L, C]

}  // namespace atelier
