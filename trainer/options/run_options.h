// The whole YAML of a run (docs/cli.md, "One YAML for the life of a run"). Torch-free: every program reads it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "configs/schema/field.h"
#include "data/options/dataset_options.h"
#include "models/options/model_options.h"
#include "models/options/network_options.h"
#include "trainer/options/train_options.h"

namespace atelier {

struct SaveOptions {
  int64_t every_n_steps = 0;
  int64_t keep_last = 2;
  std::string precision = "fp16";
};

struct SampleOptions {
  int64_t every_n_steps = 0;
  std::optional<std::string> prompts;
  int64_t width = 1024;
  int64_t height = 1024;
  int64_t steps = 30;
  double guidance_scale = 5;
  double guidance_rescale = 0;
  std::string sampler = "ddim";
  int64_t seed = 0;
};

struct RunOptions {
  std::string output_dir = "runs/run";
  std::string output_name = "model";
  int64_t seed = 0;
  ModelOptions model;
  std::optional<NetworkOptions> network;
  DatasetOptions dataset;
  TrainOptions train;
  SaveOptions save;
  SampleOptions sample;
};

void describe(Section& section, SaveOptions& options);
void describe(Section& section, SampleOptions& options);
void describe(Section& section, RunOptions& options);

/// A YAML and `key.path=value` overrides as a checked run. ConfigError for single faults and for those between fields.
RunOptions read_run(const std::filesystem::path& path, const std::vector<std::string>& overrides = {});

/// Faults that only several fields together show; ConfigError. `for_training`: also what `train` needs and the dataset
/// verbs do not (a model, a length).
void check_run(const RunOptions& run, bool for_training);

/// Where the manifest of the run is kept: dataset.manifest_dir, or OUTPUT_DIR/manifest.
std::filesystem::path manifest_dir(const RunOptions& run);

/// Where the caches of the run are kept: dataset.cache_dir, or OUTPUT_DIR/cache.
std::filesystem::path cache_dir(const RunOptions& run);

/// What bucket sides must be multiples of, in pixels: 8 (the autoencoder) x 2^(levels of the UNet - 1), from the
/// model's config.json (SDXL's for a single file); 8 when the run names no model.
int64_t side_divisor(const RunOptions& run);

/// The resolved configuration, re-runnable as it is.
std::string resolved_yaml(RunOptions run);

}  // namespace atelier
