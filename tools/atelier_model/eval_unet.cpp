#include <ATen/ATen.h>

#include "configs/base/error.h"
#include "configs/base/text.h"
#include "models/pipeline/components.h"
#include "models/unet/unet_2d_condition.h"
#include "tools/atelier_model/verbs.h"

namespace atelier {
namespace {

void check_unet_inputs(const NamedTensors& inputs, const UNet2DConditionOptions& options, bool grad) {
  check_eval_shape(inputs, "sample", {-1, options.in_channels, -1, -1});
  const at::IntArrayRef sample = eval_input(inputs, "sample").sizes();
  check_eval_shape(inputs, "timestep", {sample[0]});
  check_eval_shape(inputs, "encoder_hidden_states", {sample[0], -1, options.cross_attention_dim});
  check_eval_shape(inputs, "time_ids", {sample[0], -1});
  const int64_t ids = eval_input(inputs, "time_ids").size(1);
  const int64_t pooled = options.projection_class_embeddings_input_dim - ids * options.addition_time_embed_dim;
  if (pooled < 1) {
    throw ConfigError(text("time_ids has ", ids, " numbers a sample, more than the model's ",
                           "projection_class_embeddings_input_dim has room for (SDXL: 6, its refiner: 5)"));
  }
  check_eval_shape(inputs, "text_embeds", {sample[0], pooled});
  if (grad) check_eval_shape(inputs, "cotangent", {sample[0], options.out_channels, sample[2], sample[3]});
}

}  // namespace

NamedTensors eval_unet(const std::filesystem::path& path, const NamedTensors& inputs, const EvalOptions& options) {
  const bool grad = options.grad;
  const auto model = load_unet(path);
  check_unet_inputs(inputs, model->options(), grad);
  const std::vector<LoraTarget> targets = {{model.get(), unet_lora_naming(model->options())}};
  for (const LoraArgument& lora : options.loras) attach_lora(lora, targets, at::kCPU);
  NamedTensors leaves;
  for (const char* name : {"sample", "encoder_hidden_states", "text_embeds"}) {
    leaves[name] = eval_input(inputs, name).clone().set_requires_grad(grad);
  }
  model->set_requires_grad(grad);
  const at::Tensor output =
      model->forward(leaves["sample"], eval_input(inputs, "timestep"), leaves["encoder_hidden_states"],
                     leaves["text_embeds"], eval_input(inputs, "time_ids"));
  NamedTensors results{{"sample", output.detach()}};
  if (!grad) return results;
  eval_backward(inputs, {{"cotangent", output}});
  for (const auto& [name, leaf] : leaves) results["grad." + name] = eval_gradient(leaf);
  model->for_each_parameter(
      [&](const std::string& name, at::Tensor& tensor) { results["grad." + name] = eval_gradient(tensor); });
  return results;
}

}  // namespace atelier
