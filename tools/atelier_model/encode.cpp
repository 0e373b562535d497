// `model encode`: what the UNet is told about texts, as tensors under diffusers' names.
#include <ATen/ATen.h>

#include <CLI/CLI.hpp>

#include "configs/base/error.h"
#include "configs/base/log.h"
#include "configs/base/text.h"
#include "models/clip/clip_text_model.h"
#include "models/device.h"
#include "models/pipeline/components.h"
#include "models/weights/weights.h"
#include "tools/atelier_model/model_output.h"
#include "tools/atelier_model/prompt_arguments.h"
#include "tools/atelier_model/verbs.h"

namespace atelier {
namespace {

struct EncodeArguments {
  std::string model, out, device = "auto";
  std::vector<std::string> prompts, negatives;
  PromptArguments reading;
};

/// One negative a prompt: one for all, or one each.
std::vector<std::string> negatives_of(const EncodeArguments& arguments) {
  const size_t count = arguments.prompts.size();
  if (arguments.negatives.size() == count) return arguments.negatives;
  if (arguments.negatives.size() > 1) {
    throw ConfigError(text(arguments.negatives.size(), " negative prompts for ", count, " prompts"),
                      "--negative-prompt", "give one, or one for each --prompt");
  }
  return std::vector<std::string>(count, arguments.negatives.empty() ? "" : arguments.negatives.front());
}

/// The text encoders alone, of a model that need not have anything else.
StableDiffusionXL load_text_encoders(const std::string& path, at::Device device) {
  const StoredPipeline stored = open_pipeline(path);
  if (!stored.text_encoder && !stored.text_encoder_2) throw WeightsError("this model lacks a text encoder", path);
  StableDiffusionXL model;
  model.force_zeros_for_empty_prompt = stored.force_zeros_for_empty_prompt;
  const auto load = [&](Part part) {
    std::unique_ptr<CLIPTextModel> encoder = load_text_encoder(stored, part);
    encoder->place_frozen(device, at::kFloat);
    return encoder;
  };
  if (stored.text_encoder) model.text_encoder = load(Part::kTextEncoder);
  if (stored.text_encoder_2) model.text_encoder_2 = load(Part::kTextEncoder2);
  return model;
}

void run_encode(const EncodeArguments& arguments) {
  const at::NoGradGuard no_grad;
  const std::vector<std::string> negatives = negatives_of(arguments);
  require_file_place(arguments.out, {arguments.model});
  const at::Device device = choose_device(arguments.device, "--device");
  const StableDiffusionXL model = load_text_encoders(arguments.model, device);
  const PromptEncoder encoder = make_prompt_encoder(model, device, arguments.reading);
  const GuidedConditioning told = encoder.encode(arguments.prompts, negatives);
  const auto on_cpu = [](const at::Tensor& tensor) { return tensor.to(at::kCPU, at::kFloat).contiguous(); };
  write_tensors(arguments.out, {{"prompt_embeds", on_cpu(told.positive.encoder_hidden_states)},
                                {"pooled_prompt_embeds", on_cpu(told.positive.text_embeds)},
                                {"negative_prompt_embeds", on_cpu(told.negative.encoder_hidden_states)},
                                {"negative_pooled_prompt_embeds", on_cpu(told.negative.text_embeds)}});
  log_info(arguments.prompts.size(), " prompts of ", told.positive.encoder_hidden_states.size(1), " states in ",
           arguments.out);
}

}  // namespace

Verb verb_encode() {
  const auto declare = [](CLI::App& app) {
    auto arguments = std::make_shared<EncodeArguments>();
    app.add_option("MODEL", arguments->model, "as `sample` takes it")->required();
    app.add_option("--prompt", arguments->prompts, "a text; may be repeated")
        ->type_name("TEXT")
        ->allow_extra_args(false)  // the next word may be MODEL
        ->required();
    app.add_option("--negative-prompt", arguments->negatives, "one for all prompts, or one for each")
        ->type_name("TEXT")
        ->allow_extra_args(false);
    app.add_option("--device", arguments->device, "auto: cuda when there is one")
        ->check(CLI::IsMember({"auto", "cpu", "cuda"}))
        ->capture_default_str();
    declare_prompt_options(app, arguments->reading);
    app.add_option("--out", arguments->out, "safetensors for the tensors")->type_name("FILE")->required();
    return [arguments] { run_encode(*arguments); };
  };
  return {"model encode", "prompts to what the UNet is told, as tensors", declare};
}

}  // namespace atelier
