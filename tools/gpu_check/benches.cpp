#include <ATen/ATen.h>
#include <ATen/DeviceAccelerator.h>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "models/layers/layer_body.h"
#include "models/ops/geglu.h"
#include "models/ops/norm.h"
#include "models/unet/unet_2d_condition.h"
#include "tools/gpu_check/report.h"

namespace atelier::gpu_check {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

/// Seconds a run: the fastest of three rounds, after a warm-up.
double measure(const std::function<void()>& run, int runs) {
  run();
  run();
  double best = 1e30;
  for (int round = 0; round < 3; ++round) {
    at::accelerator::synchronizeDevice(0);
    const auto begin = Clock::now();
    for (int i = 0; i < runs; ++i) run();
    at::accelerator::synchronizeDevice(0);
    best = std::min(best, seconds_since(begin) / runs);
  }
  return best;
}

void bench_group_norm(const at::Device& device) {
  std::puts("\nGroupNorm + SiLU, bf16, forward and backward, microseconds");
  std::puts("shape                     ours, NHWC  ATen, NCHW  ATen on NHWC");
  for (const std::vector<int64_t>& sizes : std::vector<std::vector<int64_t>>{
           {4, 320, 128, 128}, {4, 960, 128, 128}, {4, 640, 64, 64}, {4, 1280, 32, 32}, {4, 2560, 32, 32}}) {
    const auto bf16 = at::TensorOptions(device).dtype(at::kBFloat16);
    const at::Tensor nchw = numbers(sizes, 1).to(device, at::kBFloat16), weight = at::ones({sizes[1]}, bf16),
                     bias = at::zeros({sizes[1]}, bf16);
    const at::Tensor nhwc = nchw.contiguous(at::MemoryFormat::ChannelsLast);
    const NormShape shape{32, 1e-5};
    const double ours = measure(
        [&] {
          const Normalised result = norm_activation(shape, Activation::kSilu, nhwc, weight, bias);
          norm_activation_backward(shape, Activation::kSilu, nhwc, nhwc, result, weight, bias, {true, true, true});
        },
        20);
    const auto aten = [&](const at::Tensor& tensor) {
      const at::Tensor x = tensor.detach().requires_grad_(), w = weight.detach().requires_grad_(),
                       b = bias.detach().requires_grad_();
      return measure([&] { at::silu(at::group_norm(x, 32, w, b, 1e-5)).backward(tensor); }, 20);
    };
    char shape_text[32];
    std::snprintf(shape_text, sizeof shape_text, "%ld x %ld x %ld x %ld", long(sizes[0]), long(sizes[1]),
                  long(sizes[2]), long(sizes[3]));
    std::printf("%-24s %11.1f %11.1f %13.1f\n", shape_text, ours * 1e6, aten(nchw) * 1e6, aten(nhwc) * 1e6);
  }
}

void bench_geglu(const at::Device& device) {
  std::puts("\nGEGLU, bf16, forward and backward, microseconds");
  std::puts("rows x width         ours        ATen");
  for (const auto& [rows, width] : std::vector<std::pair<int64_t, int64_t>>{{4 * 4096, 2560}, {4 * 1024, 5120}}) {
    const at::Tensor input = numbers({rows, 2 * width}, 1).to(device, at::kBFloat16);
    const at::Tensor gradient = numbers({rows, width}, 2).to(device, at::kBFloat16);
    const double ours = measure(
        [&] {
          geglu(input);
          geglu_backward(gradient, input);
        },
        20);
    const at::Tensor x = input.detach().requires_grad_();
    const double aten = measure(
        [&] {
          const auto halves = x.chunk(2, -1);
          (halves[0] * at::gelu(halves[1])).backward(gradient);
        },
        20);
    std::printf("%6ld x %-6ld %10.1f  %10.1f\n", long(rows), long(width), ours * 1e6, aten * 1e6);
  }
}

/// SDXL's UNet in bf16 with drawn weights, on the device.
std::unique_ptr<UNet2DConditionModel> sdxl(const at::Device& device) {
  auto unet = std::make_unique<UNet2DConditionModel>(UNet2DConditionOptions{});
  unet->for_each_parameter([&](const std::string& name, at::Tensor& tensor) {
    const auto bf16 = at::TensorOptions(device).dtype(at::kBFloat16);
    const double scale = 1 / std::sqrt(static_cast<double>(tensor.numel() / tensor.size(0)));
    const bool is_norm = name.find("norm") != std::string::npos && name.ends_with("weight");
    at::Tensor values = is_norm ? at::ones(tensor.sizes(), bf16)
                                : (at::arange(tensor.numel(), at::TensorOptions(device).dtype(at::kFloat)) * 0.7)
                                      .sin()
                                      .mul(scale)
                                      .to(at::kBFloat16)
                                      .view(tensor.sizes());
    tensor = values.dim() == 4 ? values.contiguous(at::MemoryFormat::ChannelsLast) : values;
  });
  unet->set_requires_grad(true);
  return unet;
}

void bench_step(UNet2DConditionModel& unet, const at::Device& device, int64_t batch) {
  const auto bf16 = at::TensorOptions(device).dtype(at::kBFloat16), fp32 = bf16.dtype(at::kFloat);
  const at::Tensor sample = numbers({batch, 4, 128, 128}, 1).to(device, at::kBFloat16);
  const at::Tensor time = at::full({batch}, 500, fp32), text = at::full({batch, 77, 2048}, 0.1, bf16),
                   pooled = at::full({batch, 1280}, 0.1, bf16), sizes = at::full({batch, 6}, 1024, fp32);
  const double seconds = measure(
      [&] {
        unet.forward(sample, time, text, pooled, sizes).backward(sample);
        unet.for_each_parameter([](const std::string&, at::Tensor& tensor) { tensor.mutable_grad().reset(); });
      },
      batch < 4 ? 3 : 1);
  const auto stats = at::accelerator::getDeviceStats(0);
  constexpr double kTeraflops = 20.3;  // a picture, forward and backward: three times the forward pass's 6.76
  const double pictures = static_cast<double>(batch) / seconds;
  std::printf("%9.1f ms %8.2f img/s %7.1f TFLOP/s %7.1f GiB\n", seconds * 1e3, pictures, kTeraflops * pictures,
              static_cast<double>(stats.allocated_bytes[0].peak) / (1 << 30));
}

void bench_steps(const at::Device& device, double seconds) {
  const auto begin = Clock::now();
  std::puts("\nSDXL's UNet at 1024 px, bf16, forward and backward, no optimizer; peak memory with weights");
  const auto unet = sdxl(device);
  for (const bool checkpointed : {false, true}) {
    for (const LayerBody body : {LayerBody::kPlain, LayerBody::kFused}) {
      for (const int64_t batch : {1, 2, 4, 8, 16, 32}) {
        if (seconds_since(begin) > seconds) {
          std::puts("(the rest is left out: no time)");
          return;
        }
        std::printf("%-6s %-13s batch %2ld ", body == LayerBody::kFused ? "fused" : "plain",
                    checkpointed ? "checkpointed" : "", long(batch));
        std::fflush(stdout);
        unet->set_gradient_checkpointing(checkpointed);
        set_layer_body(*unet, body);
        at::accelerator::emptyCache();
        at::accelerator::resetPeakStats(0);
        try {
          bench_step(*unet, device, batch);
        } catch (const c10::OutOfMemoryError&) {
          std::puts("  out of memory");
          unet->for_each_parameter([](const std::string&, at::Tensor& tensor) { tensor.mutable_grad().reset(); });
          break;
        }
      }
    }
  }
}

}  // namespace

void run_benches(const at::Device& device, double seconds) {
  const auto begin = Clock::now();
  bench_group_norm(device);
  bench_geglu(device);
  bench_steps(device, seconds - seconds_since(begin));
}

}  // namespace atelier::gpu_check
