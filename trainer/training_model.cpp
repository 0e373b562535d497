#include "trainer/training_model.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "configs/base/atomic_file.h"
#include "configs/base/error.h"
#include "configs/base/log.h"
#include "models/adapters/adapter_network.h"
#include "models/clip/clip_text_model.h"
#include "models/layers/layer_body.h"
#include "models/pipeline/save_single_file.h"
#include "models/unet/unet_2d_condition.h"

namespace atelier {
namespace {

StableDiffusionXL make_pipeline(const RunOptions& run) {
  const std::string vae = run.model.vae.value_or("");
  if (run.model.config) return StableDiffusionXL::from_config(*run.model.config, static_cast<uint64_t>(run.seed), vae);
  return StableDiffusionXL::load(*run.model.pretrained_model_name_or_path, vae);
}

/// The other UNet that a pipeline may hold: its micro-conditioning ends in an aesthetic score, which data do not have.
void check_no_refiner(const StableDiffusionXL& pipeline, const ModelOptions& model) {
  const CLIPTextModel& pooling = pipeline.text_encoder_2 ? *pipeline.text_encoder_2 : *pipeline.text_encoder;
  const int64_t pooled =
      pooling.options().with_projection ? pooling.options().projection_dim : pooling.options().hidden_size;
  const UNet2DConditionOptions& unet = pipeline.unet->options();
  if (unet.projection_class_embeddings_input_dim == pooled + kTimeIds * unet.addition_time_embed_dim) return;
  throw WeightsError("this is SDXL's refiner, which is not trained",
                     model.config.value_or(model.pretrained_model_name_or_path.value_or("")),
                     "train the base model; `atelier sample` draws with either");
}

SafeDtype save_dtype(const std::string& precision) {
  if (precision == "fp16") return SafeDtype::kF16;
  if (precision == "bf16") return SafeDtype::kBF16;
  return SafeDtype::kF32;
}

/// Of encoder 1 beside encoder 2 only the hidden state that clip_skip names counts: the layers after it and the final
/// norm never run, nor do their adapters. Left among the trained parameters, weight decay alone would move them.
bool is_unused(const StableDiffusionXL& pipeline, int64_t clip_skip, const std::string& group,
               const std::string& name) {
  const bool adapters = group == "network";
  if ((group != "text_encoder" && !adapters) || !pipeline.text_encoder || !pipeline.text_encoder_2) return false;
  if (!adapters && name.starts_with("text_model.final_layer_norm.")) return true;
  const int64_t layers = pipeline.text_encoder->options().num_hidden_layers;
  for (int64_t i = std::max<int64_t>(layers + 1 - clip_skip, 0); i < layers; ++i) {
    if (name.starts_with(adapters ? text("lora_te1_text_model_encoder_layers_", i, '_')
                                  : text("text_model.encoder.layers.", i, '.'))) {
      return true;
    }
  }
  return false;
}

/// `rate`: the encoder's own learning rate.
bool trains_text_encoder(const RunOptions& run, std::optional<double> rate) {
  if (run.network) return !run.network->network_train_unet_only;
  return rate.value_or(run.train.learning_rate) > 0;
}

/// What stands beside the trained weights of a component and is not trained.
std::vector<std::pair<std::string, at::Tensor>> frozen_tensors(const Module& module) {
  std::vector<std::pair<std::string, at::Tensor>> tensors;
  module.for_each_parameter(Module::ConstVisit([&tensors](const std::string& name, const at::Tensor& tensor) {
    if (!tensor.requires_grad()) tensors.emplace_back(name, tensor.to(at::kCPU, at::kFloat));
  }));
  return tensors;
}

/// What would be lost: adapters of the file that this run has no place for.
void check_network_weights(const AdapterNetwork& network, const NetworkOptions& options) {
  std::vector<std::string> left = network.unattached();
  left.insert(left.end(), network.unknown_keys().begin(), network.unknown_keys().end());
  if (left.empty()) return;
  throw WeightsError(text(left.size(), " adapters or tensors have no place in this run, ", left.front(), " for one"),
                     *options.network_weights,
                     "those of text encoders need network_train_unet_only: false; others belong to another model");
}

}  // namespace

TrainingModel::TrainingModel(const RunOptions& run) : run_(run), pipeline_(make_pipeline(run)) {
  check_no_refiner(pipeline_, run.model);
  set_gradient_checkpointing(run.train.gradient_checkpointing);
  const LayerBody body = run.train.fused_layers ? LayerBody::kFused : LayerBody::kPlain;
  for (Module* part : std::initializer_list<Module*>{pipeline_.text_encoder.get(), pipeline_.text_encoder_2.get(),
                                                     pipeline_.unet.get()}) {
    if (part) set_layer_body(*part, body);
  }
  if (run.network) add_network(*run.network);
}

/// Not of encoders that are frozen: there is nothing to keep, and checkpoints would run them again in backward.
void TrainingModel::set_gradient_checkpointing(bool enabled) {
  pipeline_.unet->set_gradient_checkpointing(enabled);
  const auto set = [&](CLIPTextModel* encoder, std::optional<double> rate) {
    if (encoder) encoder->set_gradient_checkpointing(enabled && trains_text_encoder(run_, rate));
  };
  set(pipeline_.text_encoder.get(), run_.train.learning_rate_te1);
  set(pipeline_.text_encoder_2.get(), run_.train.learning_rate_te2);
}

void TrainingModel::add_network(const NetworkOptions& options) {
  struct Part {
    Module* model;
    LoraNaming naming;
  };
  std::vector<Part> parts;
  if (!options.network_train_unet_only) {
    if (pipeline_.text_encoder) parts.push_back({pipeline_.text_encoder.get(), text_encoder_lora_naming(1)});
    if (pipeline_.text_encoder_2) parts.push_back({pipeline_.text_encoder_2.get(), text_encoder_lora_naming(2)});
  }
  parts.push_back({pipeline_.unet.get(), unet_lora_naming(pipeline_.unet->options())});
  if (options.network_weights) {
    network_ = AdapterNetwork::load(*options.network_weights);
    for (const Part& part : parts) network_->attach(*part.model, part.naming);
    check_network_weights(*network_, options);
  } else {
    network_ = std::make_unique<AdapterNetwork>();
    for (const Part& part : parts) network_->inject(*part.model, part.naming, options);
    network_->initialize_adapters(static_cast<uint64_t>(run_.seed));
  }
  log_info("trains ", network_summary(options), " on ", network_->size(), " modules");
}

TrainingModel::~TrainingModel() = default;

std::vector<ParameterGroup> TrainingModel::parameter_groups() {
  const TrainOptions& train = run_.train;
  std::vector<ParameterGroup> groups;
  const auto add = [&](const std::string& name, Module* module, std::optional<double> rate) {
    ParameterGroup group{name, rate.value_or(train.learning_rate), {}};
    if (!module || group.learning_rate <= 0) return;
    module->for_each_parameter(Module::Visit([&](const std::string& parameter, at::Tensor& tensor) {
      if (is_unused(pipeline_, train.prompts.clip_skip, name, parameter)) return;
      group.parameters.push_back({parameter, &tensor});
    }));
    groups.push_back(std::move(group));
  };
  if (network_) {
    add("network", network_.get(), train.unet_lr);
    return groups;
  }
  add("text_encoder", pipeline_.text_encoder.get(), train.learning_rate_te1);
  add("text_encoder_2", pipeline_.text_encoder_2.get(), train.learning_rate_te2);
  add("unet", pipeline_.unet.get(), train.unet_lr);
  return groups;
}

void TrainingModel::place_frozen(at::Device device, at::ScalarType type) {
  pipeline_.place_frozen(device, type);
  if (network_) network_->place_frozen(device, at::kFloat);  // they are saved as they were made
}

std::vector<ComponentFile> TrainingModel::component_files() const {
  if (network_) {
    std::vector<std::pair<std::string, at::Tensor>> constants = network_->constants();
    std::ranges::move(frozen_tensors(*network_), std::back_inserter(constants));
    return {{"network", run_.output_name + ".safetensors", std::move(constants), {}}};
  }
  std::vector<ComponentFile> files;
  const auto add_text_encoder = [&](const std::string& name, const CLIPTextModel* encoder) {
    if (!encoder) return;
    files.push_back({name, name + "/model.safetensors", frozen_tensors(*encoder),
                     [options = encoder->options()](const std::filesystem::path& folder) {
                       write_clip_text_options(options, folder);
                     }});
  };
  add_text_encoder("text_encoder", pipeline_.text_encoder.get());
  add_text_encoder("text_encoder_2", pipeline_.text_encoder_2.get());
  const std::string unet_config = unet_config_json(pipeline_.unet->options());
  files.push_back({"unet", "unet/diffusion_pytorch_model.safetensors", frozen_tensors(*pipeline_.unet),
                   [unet_config](const std::filesystem::path& folder) {
                     write_file_atomically(folder / "config.json", unet_config);
                   }});
  return files;
}

std::filesystem::path TrainingModel::save_product(const std::map<std::string, std::string>& metadata) const {
  const std::filesystem::path folder(run_.output_dir);
  const SafeDtype dtype = save_dtype(run_.save.precision);
  const std::filesystem::path file = folder / (run_.output_name + ".safetensors");
  if (network_) {
    network_->save(file, dtype, metadata);
    return file;
  }
  if (fits_single_file(pipeline_)) {
    save_single_file(pipeline_, file, dtype, metadata);
    return file;
  }
  AtomicFolder product(folder / run_.output_name, /*replace=*/true);
  pipeline_.save_pretrained(product.temporary_path(), dtype);
  product.commit();
  return folder / run_.output_name;
}

}  // namespace atelier
