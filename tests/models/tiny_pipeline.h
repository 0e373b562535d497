// A pipeline small enough for tests.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>

#include "configs/base/atomic_file.h"
#include "models/options/clip_options.h"
#include "models/options/unet_options.h"

namespace atelier {

constexpr int64_t kTinyEndOfText = 98;

/// The configurations of a tiny model, as a user writes them. The tokenizer's ids need its whole vocabulary.
inline void write_tiny_pipeline(const std::filesystem::path& folder, int64_t vocab_size = 100,
                                int64_t end_of_text = kTinyEndOfText) {
  for (const char* part : {"text_encoder", "text_encoder_2", "unet", "scheduler", "vae"}) {
    std::filesystem::create_directories(folder / part);
  }
  std::ofstream(folder / "model_index.json") << R"({"_class_name": "StableDiffusionXLPipeline"})";
  std::ofstream(folder / "vae/config.json") << R"({"_class_name": "DctAutoencoder"})";
  std::ofstream(folder / "scheduler/scheduler_config.json") << R"({"_class_name": "DDIMScheduler",
      "beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012, "clip_sample": false,
      "prediction_type": "v_prediction", "rescale_betas_zero_snr": true, "timestep_spacing": "trailing"})";
  CLIPTextOptions encoder;
  encoder.vocab_size = vocab_size;
  encoder.eos_token_id = end_of_text;
  encoder.hidden_size = 16;
  encoder.intermediate_size = 32;
  encoder.num_hidden_layers = 2;
  encoder.num_attention_heads = 2;
  encoder.projection_dim = 12;
  write_clip_text_options(encoder, folder / "text_encoder");
  encoder.hidden_size = 24;
  encoder.with_projection = true;
  write_clip_text_options(encoder, folder / "text_encoder_2");
  UNet2DConditionOptions unet;
  unet.sample_size = 4;
  unet.in_channels = unet.out_channels = 8;
  unet.block_out_channels = {16, 32};
  unet.down_attention = {false, true};
  unet.up_attention = {true, false};
  unet.layers_per_block = {1, 1};
  unet.transformer_layers_per_block = {1, 1};
  unet.attention_heads = {2, 4};
  unet.norm_num_groups = 8;
  unet.cross_attention_dim = 16 + 24;
  unet.addition_time_embed_dim = 8;
  unet.projection_class_embeddings_input_dim = 12 + 6 * 8;
  write_file_atomically(folder / "unet/config.json", unet_config_json(unet));
}

}  // namespace atelier
