// The `train:` section: how long, how fast, in what precision, on what.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "configs/schema/field.h"
#include "data/options/batching_options.h"
#include "data/options/prompt_options.h"

namespace atelier {

struct TrainOptions {
  BatchingOptions batching;
  PromptOptions prompts;
  double learning_rate = 1e-4;
  std::optional<double> unet_lr;
  std::optional<double> learning_rate_te1;
  std::optional<double> learning_rate_te2;
  std::string optimizer_type = "AdamW";
  double adam_beta1 = 0.9;
  double adam_beta2 = 0.999;
  double adam_epsilon = 1e-8;
  double weight_decay = 0.01;
  std::string lr_scheduler = "constant";
  int64_t lr_warmup_steps = 0;
  double max_grad_norm = 1.0;
  bool masked_loss = false;
  std::string mixed_precision = "no";
  bool gradient_checkpointing = false;
  bool fused_layers = true;
  std::string device = "auto";
  int64_t num_threads = 0;
  bool deterministic = false;
  double bucket_cap_mb = 25;
};

void describe(Section& section, TrainOptions& options);

}  // namespace atelier
