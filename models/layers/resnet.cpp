#include "models/layers/resnet.h"

#include <ATen/ATen.h>

#include "models/layers/normed_projection.h"

namespace atelier {

ResnetBlock2D::ResnetBlock2D(int64_t in_channels, int64_t out_channels, int64_t time_channels, int64_t groups,
                             double eps)
    : norm1_(groups, in_channels, eps),
      conv1_(in_channels, out_channels, 3, 1, 1),
      time_emb_proj_(time_channels > 0 ? std::make_unique<Linear>(time_channels, out_channels) : nullptr),
      norm2_(groups, out_channels, eps),
      conv2_(out_channels, out_channels, 3, 1, 1) {
  add_child("norm1", norm1_);
  add_child("conv1", conv1_);
  if (time_emb_proj_) add_child("time_emb_proj", *time_emb_proj_);
  add_child("norm2", norm2_);
  add_child("conv2", conv2_);
  if (in_channels != out_channels) {
    conv_shortcut_ = std::make_unique<Conv2d>(in_channels, out_channels, 1);
    add_child("conv_shortcut", *conv_shortcut_);
  }
}

at::Tensor ResnetBlock2D::forward(const at::Tensor& input, const at::Tensor& time) const {
  // The sums are made in place: a convolution does not keep its output for backward.
  at::Tensor hidden = normed_projection(norm1_, Activation::kSilu, conv1_, input);
  if (time_emb_proj_) hidden.add_(time_emb_proj_->forward(time).unsqueeze(2).unsqueeze(3));
  hidden = normed_projection(norm2_, Activation::kSilu, conv2_, hidden);
  return hidden.add_(conv_shortcut_ ? conv_shortcut_->forward(input) : input);
}

Downsample2D::Downsample2D(int64_t channels) : conv_(channels, channels, 3, 2, 1) { add_child("conv", conv_); }

Upsample2D::Upsample2D(int64_t channels) : conv_(channels, channels, 3, 1, 1) { add_child("conv", conv_); }

at::Tensor Upsample2D::forward(const at::Tensor& input, int64_t height, int64_t width) const {
  return conv_.forward(at::upsample_nearest2d(input, {height, width}));
}

}  // namespace atelier
