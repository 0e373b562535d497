#include "models/layers/attention.h"

#include <ATen/ATen.h>

namespace atelier {

at::Tensor attention(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value, int64_t heads,
                     bool causal) {
  const int64_t channels = query.size(2);
  const auto split = [&](const at::Tensor& tensor) {  // [B, L, C] -> [B, heads, L, C / heads], a view
    return tensor.view({tensor.size(0), tensor.size(1), heads, channels / heads}).transpose(1, 2);
  };
  const at::Tensor mixed = at::scaled_dot_product_attention(split(query), split(key), split(value), /*attn_mask=*/{},
                                                            /*dropout_p=*/0, causal);
  return mixed.transpose(1, 2).reshape({query.size(0), query.size(1), channels});
}

}  // namespace atelier
