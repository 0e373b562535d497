#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>
#include <string>
#include <vector>

#include "configs/base/text.h"
#include "models/layers/layer_body.h"
#include "models/ops/cuda/cuda_bodies.h"
#include "models/ops/geglu.h"
#include "models/ops/norm.h"
#include "models/unet/unet_2d_condition.h"
#include "tools/gpu_check/report.h"

namespace atelier::gpu_check {
namespace {

constexpr double kEps = 1e-5;

struct NumberKind {
  at::ScalarType type;
  const char* name;
  double bound;  // of a result rounded to the type
};

std::vector<NumberKind> number_kinds(const at::Device& device) {
  std::vector<NumberKind> kinds{{at::kFloat, "fp32", 1e-5}, {at::kBFloat16, "bf16", 1e-2}};
  if (device.is_cuda()) kinds.push_back({at::kHalf, "fp16", 2e-3});
  return kinds;
}

at::Tensor leaf(const at::Tensor& tensor) { return tensor.to(at::kCPU, at::kDouble).requires_grad_(); }

void check_group_norm(const at::Device& device, const NumberKind& kind, const std::vector<int64_t>& sizes,
                      int64_t groups, Report& report) {
  const auto drawn = [&](at::IntArrayRef shape, int stream, double scale, double mean) {
    return (numbers(shape, stream, scale) + mean).to(device, kind.type);
  };
  const at::Tensor input = drawn(sizes, 1, 2, 1).contiguous(at::MemoryFormat::ChannelsLast);
  const at::Tensor weight = drawn({sizes[1]}, 2, 0.3, 1), bias = drawn({sizes[1]}, 3, 0.3, 0);
  const at::Tensor gradient = drawn(sizes, 4, 1, 0).contiguous(at::MemoryFormat::ChannelsLast);

  const at::Tensor x = leaf(input), w = leaf(weight), b = leaf(bias);
  const at::Tensor wanted = at::silu(at::group_norm(x, groups, w, b, kEps));
  wanted.backward(gradient.to(at::kCPU, at::kDouble));

  const NormShape shape{groups, kEps};
  const auto run = [&] {
    const Normalised result = norm_activation(shape, Activation::kSilu, input, weight, bias);
    const auto gradients =
        norm_activation_backward(shape, Activation::kSilu, gradient, input, result, weight, bias, {true, true, true});
    const at::Tensor again = norm_activation_again(shape, Activation::kSilu, input, result, weight, bias);
    return std::vector<at::Tensor>{result.output, again, gradients[0], gradients[1], gradients[2]};
  };
  const std::vector<at::Tensor> first = run(), second = run();
  const double error = std::max({relative_error(first[0], wanted), relative_error(first[2], x.grad()),
                                 relative_error(first[3], w.grad()), relative_error(first[4], b.grad())});
  const std::string what = text("GroupNorm + SiLU ", kind.name, " ", at::IntArrayRef(sizes), ", ", groups, " groups");
  report.error(what, error, kind.bound);
  const bool same = std::equal(first.begin(), first.end(), second.begin(),
                               [](const at::Tensor& a, const at::Tensor& c) { return a.equal(c); });
  report.require(what + ": same bits again", same && first[0].equal(first[1]));
}

void check_geglu(const at::Device& device, const NumberKind& kind, int64_t width, Report& report) {
  const at::Tensor input = numbers({37, 2 * width}, 5, 2).to(device, kind.type);
  const at::Tensor gradient = numbers({37, width}, 6).to(device, kind.type);
  const at::Tensor x = leaf(input);
  const auto halves = x.chunk(2, -1);
  const at::Tensor wanted = halves[0] * at::gelu(halves[1]);
  wanted.backward(gradient.to(at::kCPU, at::kDouble));
  const double error =
      std::max(relative_error(geglu(input), wanted), relative_error(geglu_backward(gradient, input), x.grad()));
  report.error(text("GEGLU ", kind.name, " width ", width), error, kind.bound);
}

UNet2DConditionOptions small_options() {
  UNet2DConditionOptions options;
  options.block_out_channels = {64, 128};
  options.down_attention = {false, true};
  options.up_attention = {true, false};
  options.layers_per_block = {1, 1};
  options.transformer_layers_per_block = {1, 2};
  options.attention_heads = {1, 2};
  options.cross_attention_dim = 128;
  options.addition_time_embed_dim = 32;
  options.projection_class_embeddings_input_dim = 64 + 6 * 32;
  return options;
}

struct Variant {
  LayerBody body;
  bool checkpointed;
};

/// Output and every gradient of one step on `device`.
std::map<std::string, at::Tensor> unet_step(const at::Device& device, at::ScalarType type, const Variant& variant) {
  UNet2DConditionModel unet(small_options());
  int stream = 10;
  unet.for_each_parameter([&](const std::string& name, at::Tensor& tensor) {
    const int64_t fan_in = tensor.numel() / tensor.size(0);
    const bool is_norm = name.find("norm") != std::string::npos && name.ends_with("weight");
    tensor = numbers(tensor.sizes(), ++stream, 1 / std::sqrt(static_cast<double>(std::max<int64_t>(fan_in, 16))));
    if (is_norm) tensor = tensor * 0.3 + 1;
  });
  unet.place_frozen(device, type);
  unet.set_requires_grad(true);
  unet.set_gradient_checkpointing(variant.checkpointed);
  set_layer_body(unet, variant.body);
  const at::Tensor output =
      unet.forward(numbers({2, 4, 18, 12}, 1).to(device, type), at::tensor({999.0F, 3.0F}).to(device),
                   numbers({2, 77, 128}, 2).to(device, type), numbers({2, 64}, 3).to(device, type),
                   at::full({2, 6}, 96.0F).to(device));
  output.backward(numbers(output.sizes(), 4).to(device, type));
  std::map<std::string, at::Tensor> all{{"output", output.detach()}};
  unet.for_each_parameter([&](const std::string& name, at::Tensor& tensor) { all[name] = tensor.grad(); });
  return all;
}

/// The largest error of a tensor, relative to it and to a typical one: some gradients are zero but for rounding.
double largest_error(const std::map<std::string, at::Tensor>& values, const std::map<std::string, at::Tensor>& wanted) {
  const auto rms = [](const at::Tensor& tensor) {
    return tensor.to(at::kCPU, at::kDouble).square().mean().sqrt().item<double>();
  };
  std::vector<double> sizes;
  for (const auto& [name, tensor] : wanted) sizes.push_back(rms(tensor));
  std::nth_element(sizes.begin(), sizes.begin() + static_cast<int64_t>(sizes.size() / 2), sizes.end());
  const double typical = sizes[sizes.size() / 2];
  double largest = 0;
  for (const auto& [name, reference] : wanted) {
    const double error = rms(values.at(name).to(at::kCPU, at::kDouble) - reference.to(at::kDouble));
    const double relative = error / (rms(reference) + typical);
    if (!(relative <= largest)) largest = relative;  // NaN stays
  }
  return largest;
}

void check_unet(const at::Device& device, Report& report) {
  const auto wanted = unet_step(at::kCPU, at::kFloat, {LayerBody::kPlain, false});
  for (const NumberKind& kind : number_kinds(device)) {
    if (kind.type == at::kHalf) continue;                        // overflows without a loss scale
    if (kind.type != at::kFloat && !device.is_cuda()) continue;  // takes a CPU minutes
    for (const LayerBody body : {LayerBody::kPlain, LayerBody::kFused}) {
      for (const bool checkpointed : {false, true}) {
        const double error = largest_error(unet_step(device, kind.type, {body, checkpointed}), wanted);
        report.error(text("UNet step ", kind.name, ", ", body == LayerBody::kFused ? "fused" : "plain",
                          checkpointed ? ", checkpointed" : "", ", every gradient, against the CPU"),
                     error, kind.type == at::kFloat ? 1e-4 : 0.05);
      }
    }
  }
}

}  // namespace

void run_checks(const at::Device& device, Report& report) {
  at::globalContext().setAllowTF32CuDNN(false);  // convolutions in TF32 are as coarse as bf16
  if (device.is_cuda()) {
    const at::Tensor probe = at::empty({1, 32, 1, 1}, at::TensorOptions(device).dtype(at::kBFloat16));
    const bool built = cuda_group_norm(probe, probe.flatten()) != nullptr;
    std::puts(built ? "our CUDA kernels" : "skipped: our CUDA kernels (built without nvcc); ATen's formulas serve");
  }
  for (const NumberKind& kind : number_kinds(device)) {
    check_group_norm(device, kind, {2, 320, 32, 24}, 32, report);
    check_group_norm(device, kind, {1, 2560, 9, 7}, 32, report);
    check_group_norm(device, kind, {3, 15, 7, 5}, 5, report);
    check_geglu(device, kind, 640, report);
    check_geglu(device, kind, 33, report);
  }
  check_unet(device, report);
}

}  // namespace atelier::gpu_check
