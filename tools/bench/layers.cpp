// Our half of tools/bench/layers.py: forward and backward of one block, with plain or fused bodies.
//
//   layers-bench THREADS
//
// Says "ready SECONDS", then answers each line of stdin, BLOCK/BODY and a number of runs, with
// "SECONDS CPU_SECONDS MEBIBYTES", the last being what the forward pass keeps for backward.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "models/clip/clip_layers.h"
#include "models/layers/layer_body.h"
#include "models/layers/resnet.h"
#include "models/unet/transformer.h"
#include "models/unet/unet_2d_condition.h"
#include "tools/bench/live_memory.h"
#include "tools/bench/serve.h"

namespace atelier {
namespace {

/// The sizes stand in layers.py as well.
class Blocks {
 public:
  Blocks() {
    CLIPTextOptions options;
    options.hidden_size = 768;
    options.intermediate_size = 3072;
    options.num_attention_heads = 12;
    clip_ = std::make_unique<CLIPEncoderLayer>(options);
    for (Module* module : std::initializer_list<Module*>{&resnet_, &transformer_, clip_.get(), &unet_}) {
      initialize(*module, 1);
      module->set_requires_grad(true);
    }
  }

  /// MiB kept by the forward pass.
  double run(const std::string& block, LayerBody body) {
    if (block == "resnet") return run(resnet_, body, [&] { return resnet_.forward(pixels_, time_); });
    if (block == "unet") {
      return run(unet_, body, [&] { return unet_.forward(latents_, steps_, words_, pooled_, sizes_); });
    }
    if (block == "transformer") return run(transformer_, body, [&] { return transformer_.forward(rows_, text_); });
    return run(*clip_, body, [&] { return clip_->forward(tokens_); });
  }

 private:
  static at::Tensor input(at::IntArrayRef sizes) {
    const at::Tensor numbers = at::arange(c10::multiply_integers(sizes), at::kFloat);
    return numbers.mul(0.7).sin().view(sizes).set_requires_grad(true);
  }

  double run(Module& module, LayerBody body, const std::function<at::Tensor()>& forward) {
    set_layer_body(module, body);
    int64_t kept = 0;
    {
      const LiveMemory memory;
      const at::Tensor output = forward();
      kept = memory.live() - static_cast<int64_t>(output.nbytes());
      output.backward(at::ones_like(output));
    }
    module.for_each_parameter([](const std::string&, at::Tensor& tensor) { tensor.mutable_grad().reset(); });
    for (at::Tensor* tensor : {&pixels_, &time_, &rows_, &text_, &tokens_}) tensor->mutable_grad().reset();
    return static_cast<double>(kept) / (1 << 20);
  }

  ResnetBlock2D resnet_{320, 320, 1280, 32, 1e-5};
  BasicTransformerBlock transformer_{640, 10, 2048};
  std::unique_ptr<CLIPEncoderLayer> clip_;
  at::Tensor pixels_ = input({2, 320, 32, 32}), time_ = input({2, 1280}), rows_ = input({2, 256, 640}),
             text_ = input({2, 77, 2048}), tokens_ = input({4, 77, 768});

  static UNet2DConditionOptions unet_options() {
    UNet2DConditionOptions options;
    options.in_channels = options.out_channels = 8;
    options.block_out_channels = {64, 128};
    options.down_attention = {false, true};
    options.up_attention = {true, false};
    options.layers_per_block = {2, 2};
    options.transformer_layers_per_block = {1, 2};
    options.attention_heads = {2, 4};
    options.cross_attention_dim = 128;
    options.addition_time_embed_dim = 32;
    options.projection_class_embeddings_input_dim = 64 + 6 * 32;
    return options;
  }

  UNet2DConditionModel unet_{unet_options()};
  at::Tensor latents_ = input({16, 8, 12, 12}).detach(), steps_ = at::arange(16, at::kFloat) * 60,
             words_ = input({16, 77, 128}).detach(), pooled_ = input({16, 64}).detach(),
             sizes_ = at::full({16, 6}, 96, at::kFloat);
};

/// `mode`: BLOCK/BODY.
double run_mode(Blocks& blocks, const std::string& mode) {
  const size_t slash = mode.find('/');
  return blocks.run(mode.substr(0, slash), mode.substr(slash + 1) == "fused" ? LayerBody::kFused : LayerBody::kPlain);
}

void run_layers_bench(const std::vector<std::string>& arguments) {
  at::set_num_threads(std::stoi(arguments[0]));
  Blocks blocks;
  serve(/*load_seconds=*/0, [&](const std::string& mode) { return run_mode(blocks, mode); });
}

}  // namespace
}  // namespace atelier

int main(int argc, char** argv) {
  return atelier::bench_main(argc, argv, 1, 1, "layers-bench THREADS", atelier::run_layers_bench);
}
