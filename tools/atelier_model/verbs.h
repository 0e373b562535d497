// The verbs of atelier-model and the table of components that `model eval` runs.
#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "tools/atelier_model/lora_argument.h"
#include "tools/common/program.h"

namespace atelier {

using NamedTensors = std::map<std::string, at::Tensor>;

struct EvalOptions {
  bool grad = false, vae_slicing = false, vae_tiling = false;
  std::vector<LoraArgument> loras;
};

/// One forward of a component, and with `grad` one eval_backward(). `path` as in docs/cli.md. Returns the output
/// tensors, with "grad.NAME" for every parameter and differentiable input when `grad`.
using EvalFunction = NamedTensors (*)(const std::filesystem::path& path, const NamedTensors& inputs,
                                      const EvalOptions& options);

NamedTensors eval_unet(const std::filesystem::path& path, const NamedTensors& inputs, const EvalOptions& options);
NamedTensors eval_text_encoder(const std::filesystem::path& path, const NamedTensors& inputs,
                               const EvalOptions& options);
NamedTensors eval_text_encoder_2(const std::filesystem::path& path, const NamedTensors& inputs,
                                 const EvalOptions& options);
NamedTensors eval_vae_encode(const std::filesystem::path& path, const NamedTensors& inputs, const EvalOptions& options);
NamedTensors eval_vae_decode(const std::filesystem::path& path, const NamedTensors& inputs, const EvalOptions& options);

/// inputs.at(name); ConfigError naming the tensor if it is absent.
const at::Tensor& eval_input(const NamedTensors& inputs, const std::string& name);
/// ConfigError naming the input whose shape does not go with the model and the other inputs; -1 in `wanted`: any.
void check_eval_shape(const NamedTensors& inputs, const std::string& name, const std::vector<int64_t>& wanted);
/// One backward from the sum of inputs[NAME] * output over the pairs of NAME and output. ConfigError for a cotangent of
/// another shape than its output; only the first must be there.
void eval_backward(const NamedTensors& inputs, const std::vector<std::pair<std::string, at::Tensor>>& outputs);
/// The gradient, zeros where the loss does not reach the tensor.
at::Tensor eval_gradient(const at::Tensor& tensor);

Verb verb_convert();
Verb verb_encode();
Verb verb_eval();
Verb verb_extract_lora();
Verb verb_merge();
Verb verb_resize_lora();
Verb verb_sample();

}  // namespace atelier
