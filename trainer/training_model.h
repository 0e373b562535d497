// The model of a run: what is loaded or made, which parts of it are trained, and how it is saved.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "configs/base/safetensors.h"
#include "models/pipeline/stable_diffusion_xl.h"
#include "models/weights/stored_pipeline.h"
#include "trainer/flat_store.h"
#include "trainer/options/run_options.h"

namespace atelier {

class AdapterNetwork;

/// Where the fp32 weights of one trained part stand in a checkpoint, in a form that other programs open too.
struct ComponentFile {
  std::string group;                                          // of the store
  std::string file;                                           // relative: "unet/diffusion_pytorch_model.safetensors"
  std::vector<std::pair<std::string, at::Tensor>> constants;  // written beside the weights ("....alpha")
  std::function<void(const std::filesystem::path& folder)> write_config;  // config.json beside it; may be empty
};

class TrainingModel {
 public:
  /// Loads the weights, or draws them from run.seed; makes adapters. WeightsError, ConfigError.
  explicit TrainingModel(const RunOptions& run);
  ~TrainingModel();

  StableDiffusionXL& pipeline() { return pipeline_; }
  const StableDiffusionXL& pipeline() const { return pipeline_; }
  bool is_adapter() const { return network_ != nullptr; }

  /// What is trained: parts with a learning rate above 0, in forward order.
  std::vector<ParameterGroup> parameter_groups();
  /// Moves what is not trained, once the rest has its place; weights become `type`, adapters stay fp32.
  void place_frozen(at::Device device, at::ScalarType type);

  std::vector<ComponentFile> component_files() const;
  /// OUTPUT_DIR/NAME.safetensors (adapters; whole models that a single file can hold) or OUTPUT_DIR/NAME/ (a diffusers
  /// folder); returns the path.
  std::filesystem::path save_product(const std::map<std::string, std::string>& metadata) const;

 private:
  void set_gradient_checkpointing(bool enabled);
  void add_network(const NetworkOptions& options);
  /// Every tensor of a part: what is not trained, and was rounded to be placed, as it was read.
  std::vector<TensorSource> exact_tensors(Part part, const Module& module) const;
  /// What stands beside the trained weights of a part in a checkpoint: the rest of them.
  std::vector<std::pair<std::string, at::Tensor>> frozen_tensors(Part part, const Module& module) const;

  RunOptions run_;
  std::optional<StoredPipeline> source_;  // of a whole model that is trained on: its files stay open
  StableDiffusionXL pipeline_;
  std::unique_ptr<AdapterNetwork> network_;
};

}  // namespace atelier
