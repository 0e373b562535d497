#include "trainer/training_model.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <map>
#include <string_view>
#include <utility>

#include "configs/base/atomic_file.h"
#include "configs/base/error.h"
#include "configs/base/log.h"
#include "models/adapters/adapter_network.h"
#include "models/clip/clip_text_model.h"
#include "models/layers/layer_body.h"
#include "models/pipeline/lora_targets.h"
#include "models/pipeline/stored_in_memory.h"
#include "models/unet/unet_2d_condition.h"
#include "models/weights/pipeline_folder.h"
#include "models/weights/single_file.h"
#include "models/weights/write_tensor_sources.h"

namespace atelier {
namespace {

std::optional<StoredPipeline> open_source(const ModelOptions& model) {
  if (model.config) return std::nullopt;
  return open_pipeline(*model.pretrained_model_name_or_path);
}

StableDiffusionXL make_pipeline(const RunOptions& run, const std::optional<StoredPipeline>& source) {
  const std::string vae = run.model.vae.value_or("");
  if (source) return StableDiffusionXL::load(*source, vae);
  return StableDiffusionXL::from_config(*run.model.config, static_cast<uint64_t>(run.seed), vae);
}

/// The other UNet that a pipeline may hold: its micro-conditioning ends in an aesthetic score, which data do not have.
void check_no_refiner(const StableDiffusionXL& pipeline, const ModelOptions& model) {
  if (pipeline.time_ids_count() == kTimeIds) return;
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

/// The parameters of `module` that are not trained.
std::map<std::string, at::Tensor> frozen_parameters(const Module& module) {
  std::map<std::string, at::Tensor> frozen;
  module.for_each_parameter(Module::ConstVisit([&frozen](const std::string& name, const at::Tensor& tensor) {
    if (!tensor.requires_grad()) frozen.emplace(name, tensor);
  }));
  return frozen;
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

TrainingModel::TrainingModel(const RunOptions& run)
    : run_(run), source_(open_source(run.model)), pipeline_(make_pipeline(run, source_)) {
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
  std::vector<LoraTarget> targets = lora_targets(pipeline_);
  if (options.network_train_unet_only) targets.erase(targets.begin(), targets.end() - 1);
  if (options.network_weights) {
    network_ = AdapterNetwork::load(*options.network_weights);
    for (const LoraTarget& target : targets) network_->attach(*target.model, target.naming);
    check_network_weights(*network_, options);
  } else {
    network_ = std::make_unique<AdapterNetwork>();
    for (const LoraTarget& target : targets) network_->inject(*target.model, target.naming, options);
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
    for (const auto& [name, tensor] : frozen_parameters(*network_)) constants.emplace_back(name, tensor.cpu());
    return {{"network", run_.output_name + ".safetensors", std::move(constants), {}}};
  }
  std::vector<ComponentFile> files;
  const auto add = [&](Part part, const Module& module,
                       std::function<void(const std::filesystem::path&)> write_config) {
    const std::string name(part_name(part));
    files.push_back({name, text(name, '/', weights_file_name(part)), frozen_tensors(part, module),
                     std::move(write_config)});
  };
  const auto add_text_encoder = [&](Part part, const CLIPTextModel* encoder) {
    if (!encoder) return;
    add(part, *encoder, [options = encoder->options()](const std::filesystem::path& folder) {
      write_clip_text_options(options, folder);
    });
  };
  add_text_encoder(Part::kTextEncoder, pipeline_.text_encoder.get());
  add_text_encoder(Part::kTextEncoder2, pipeline_.text_encoder_2.get());
  add(Part::kUnet, *pipeline_.unet,
      [config = unet_config_json(pipeline_.unet->options())](const std::filesystem::path& folder) {
        write_file_atomically(folder / "config.json", config);
      });
  return files;
}

std::vector<TensorSource> TrainingModel::exact_tensors(Part part, const Module& module) const {
  std::vector<TensorSource> tensors = tensors_of_module(module);
  if (!source_ || !source_->tensors.contains(part)) return tensors;
  const std::map<std::string, at::Tensor> frozen = frozen_parameters(module);
  std::map<std::string_view, const TensorSource*> originals;
  for (const TensorSource& original : source_->tensors.at(part)) originals.emplace(original.name, &original);
  for (TensorSource& tensor : tensors) {
    if (tensor.dtype == SafeDtype::kF32 || !frozen.contains(tensor.name)) continue;
    tensor = reshaped(*originals.at(tensor.name), tensor.shape);
  }
  return tensors;
}

std::vector<std::pair<std::string, at::Tensor>> TrainingModel::frozen_tensors(Part part, const Module& module) const {
  std::vector<std::pair<std::string, at::Tensor>> tensors;
  const std::map<std::string, at::Tensor> frozen = frozen_parameters(module);
  const std::vector<TensorSource> all = exact_tensors(part, module);
  if (frozen.size() == all.size()) return tensors;  // nothing of it is trained: no file is made
  for (const TensorSource& tensor : all) {
    if (!frozen.contains(tensor.name)) continue;
    tensors.emplace_back(tensor.name, tensor.read().to(at::kCPU, at::kFloat, /*non_blocking=*/false, /*copy=*/true));
    if (tensor.release) tensor.release();
  }
  return tensors;
}

std::filesystem::path TrainingModel::save_product(const std::map<std::string, std::string>& metadata) const {
  const std::filesystem::path folder(run_.output_dir);
  const SafeDtype dtype = save_dtype(run_.save.precision);
  const std::filesystem::path file = folder / (run_.output_name + ".safetensors");
  if (network_) {
    network_->save(file, dtype, metadata);
    return file;
  }
  StoredPipeline product = stored_in_memory(pipeline_);
  product.metadata = metadata;
  const auto set = [&](Part part, const Module* module) {
    if (module) product.tensors[part] = exact_tensors(part, *module);
  };
  set(Part::kTextEncoder, pipeline_.text_encoder.get());
  set(Part::kTextEncoder2, pipeline_.text_encoder_2.get());
  set(Part::kUnet, pipeline_.unet.get());
  WriteOptions options;
  options.dtype = dtype;
  if (fits_single_file(product)) {
    options.metadata = single_file_metadata(product, run_.output_name);
    options.hash = true;
    write_tensor_sources(file, single_file_tensors(product), options);
    return file;
  }
  AtomicFolder place(folder / run_.output_name, /*replace=*/true);
  write_pipeline_folder(product, place.temporary_path(), options);
  place.commit();
  return folder / run_.output_name;
}

}  // namespace atelier
