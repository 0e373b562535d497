// A UNet small enough for tests, and inputs for it.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <string_view>
#include <vector>

#include "configs/base/random.h"
#include "models/unet/unet_2d_condition.h"

namespace atelier {

inline UNet2DConditionOptions tiny_unet_options() {
  UNet2DConditionOptions options;
  options.block_out_channels = {16, 32};
  options.down_attention = {false, true};
  options.up_attention = {true, false};
  options.layers_per_block = {1, 1};
  options.transformer_layers_per_block = {1, 2};
  options.attention_heads = {2, 4};
  options.cross_attention_dim = 12;
  options.norm_num_groups = 4;
  options.addition_time_embed_dim = 8;
  options.projection_class_embeddings_input_dim = 6 * 8 + 10;
  return options;
}

inline at::Tensor keyed_normal(std::vector<int64_t> shape, std::string_view stream) {
  at::Tensor tensor = at::empty(shape, at::kFloat);
  fill_normal(random_key(1, stream), tensor.data_ptr<float>(), tensor.numel());
  return tensor;
}

struct UNetInputs {
  at::Tensor sample = keyed_normal({2, 4, 6, 10}, "sample");
  at::Tensor timestep = at::tensor({999.0F, 3.5F});
  at::Tensor text = keyed_normal({2, 5, 12}, "text");
  at::Tensor text_embeds = keyed_normal({2, 10}, "text_embeds");
  at::Tensor time_ids = at::tensor({96.0F, 64.0F, 0.0F, 8.0F, 96.0F, 64.0F}).repeat({2, 1});
};

inline at::Tensor run_unet(const UNet2DConditionModel& unet, const UNetInputs& in) {
  return unet.forward(in.sample, in.timestep, in.text, in.text_embeds, in.time_ids);
}

/// L2 norm of the difference over the L2 norm of `reference`.
inline double relative_error(const at::Tensor& value, const at::Tensor& reference) {
  const at::Tensor wanted = reference.to(at::kDouble);
  return ((value.to(at::kDouble) - wanted).norm() / wanted.norm()).item<double>();
}

}  // namespace atelier
