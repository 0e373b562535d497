#include "models/options/clip_options.h"

#include <nlohmann/json.hpp>

#include "configs/base/atomic_file.h"
#include "models/options/config_json.h"

namespace atelier {

CLIPTextOptions read_clip_text_options(const std::filesystem::path& path) {
  const ConfigJson config(path, "config.json");
  const std::vector<std::string> architectures = config.strings("architectures");
  CLIPTextOptions options;
  if (architectures == std::vector<std::string>{"CLIPTextModelWithProjection"}) {
    options.with_projection = true;
  } else if (architectures != std::vector<std::string>{"CLIPTextModel"}) {
    config.fail("architectures", "only CLIPTextModel and CLIPTextModelWithProjection are supported");
  }
  options.vocab_size = config.count("vocab_size", options.vocab_size);
  options.hidden_size = config.count("hidden_size", options.hidden_size);
  options.intermediate_size = config.count("intermediate_size", options.intermediate_size);
  options.num_hidden_layers = config.count("num_hidden_layers", options.num_hidden_layers);
  options.num_attention_heads = config.count("num_attention_heads", options.num_attention_heads);
  options.max_position_embeddings = config.count("max_position_embeddings", options.max_position_embeddings);
  options.projection_dim = config.count("projection_dim", options.projection_dim);
  options.hidden_act = config.choice("hidden_act", options.hidden_act, {"quick_gelu", "gelu"});
  options.layer_norm_eps = config.number("layer_norm_eps", options.layer_norm_eps);
  options.eos_token_id = config.integer("eos_token_id", options.eos_token_id);
  options.bos_token_id = config.integer("bos_token_id", options.bos_token_id);
  options.pad_token_id = config.integer("pad_token_id", options.pad_token_id);
  options.initializer_factor = config.number("initializer_factor", options.initializer_factor);
  config.require_off("attention_dropout");
  if (options.hidden_size % options.num_attention_heads != 0) {
    config.fail("num_attention_heads", "must divide hidden_size");
  }
  return options;
}

void write_clip_text_options(const CLIPTextOptions& options, const std::filesystem::path& folder) {
  const nlohmann::ordered_json config = {
      {"architectures", {options.with_projection ? "CLIPTextModelWithProjection" : "CLIPTextModel"}},
      {"attention_dropout", 0.0},
      {"bos_token_id", options.bos_token_id},
      {"eos_token_id", options.eos_token_id},
      {"hidden_act", options.hidden_act},
      {"hidden_size", options.hidden_size},
      {"initializer_factor", options.initializer_factor},
      {"initializer_range", 0.02},
      {"intermediate_size", options.intermediate_size},
      {"layer_norm_eps", options.layer_norm_eps},
      {"max_position_embeddings", options.max_position_embeddings},
      {"model_type", "clip_text_model"},
      {"num_attention_heads", options.num_attention_heads},
      {"num_hidden_layers", options.num_hidden_layers},
      {"pad_token_id", options.pad_token_id},
      {"projection_dim", options.projection_dim},
      {"vocab_size", options.vocab_size},
  };
  write_file_atomically(folder / "config.json", config.dump(2) + "\n");
}

}  // namespace atelier
