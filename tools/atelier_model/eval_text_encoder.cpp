// `model eval text-encoder` and `text-encoder-2`.
#include <ATen/ATen.h>

#include "configs/base/error.h"
#include "configs/base/text.h"
#include "models/clip/clip_text_model.h"
#include "models/pipeline/components.h"
#include "tools/atelier_model/verbs.h"

namespace atelier {
namespace {

NamedTensors eval_clip(const std::filesystem::path& path, bool with_projection, const NamedTensors& inputs,
                       const EvalOptions& options) {
  const Part part = with_projection ? Part::kTextEncoder2 : Part::kTextEncoder;
  const std::unique_ptr<CLIPTextModel> model = load_text_encoder(path, part);
  if (model->options().with_projection != with_projection) {
    throw WeightsError(text("this is a ", model->class_name()), path.string(),
                       "text-encoder is a CLIPTextModel, text-encoder-2 a CLIPTextModelWithProjection");
  }
  const std::vector<LoraTarget> targets = {{model.get(), text_encoder_lora_naming(with_projection ? 2 : 1)}};
  for (const LoraArgument& lora : options.loras) attach_lora(lora, targets, at::kCPU);
  model->set_requires_grad(options.grad);
  const at::Tensor& input_ids = eval_input(inputs, "input_ids");
  if (input_ids.dim() != 2 || input_ids.scalar_type() != at::kLong) {
    throw ConfigError("input_ids must be int64 [B, L]", "--inputs");
  }
  if (input_ids.numel() == 0 || input_ids.min().item<int64_t>() < 0 ||
      input_ids.max().item<int64_t>() >= model->options().vocab_size) {
    throw ConfigError(text("input_ids must hold ids in [0, ", model->options().vocab_size, ")"), "--inputs");
  }
  const CLIPTextOutput output = model->forward(input_ids);
  NamedTensors outputs = {{"last_hidden_state", output.last_hidden_state},
                          {"penultimate_hidden_state", output.hidden_state},
                          {with_projection ? "text_embeds" : "pooler_output", output.pooled}};
  if (!options.grad) return outputs;

  eval_backward(inputs, {{"cotangent", output.hidden_state}, {"cotangent_pooled", output.pooled}});
  model->for_each_parameter([&](const std::string& name, at::Tensor& parameter) {
    outputs["grad." + name] = eval_gradient(parameter);
  });
  return outputs;
}

}  // namespace

NamedTensors eval_text_encoder(const std::filesystem::path& path, const NamedTensors& inputs,
                               const EvalOptions& options) {
  return eval_clip(path, /*with_projection=*/false, inputs, options);
}

NamedTensors eval_text_encoder_2(const std::filesystem::path& path, const NamedTensors& inputs,
                                 const EvalOptions& options) {
  return eval_clip(path, /*with_projection=*/true, inputs, options);
}

}  // namespace atelier
