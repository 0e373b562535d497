#include "models/clip/clip_text_model.h"

#include <ATen/ATen.h>

#include <cmath>
#include <string>
#include <vector>

#include "configs/base/error.h"
#include "configs/base/text.h"
#include "models/clip/clip_layers.h"
#include "models/keys/key_map.h"
#include "models/keys/single_file_keys.h"
#include "models/layers/checkpoint.h"
#include "models/layers/norm.h"
#include "models/weights/weights.h"

namespace atelier {
class CLIPTextModel::Transformer : public Module {
 public:
  class Encoder : public Module {
   public:
    explicit Encoder(const CLIPTextOptions& options) {
      for (int64_t i = 0; i < options.num_hidden_layers; ++i) {
        layers.push_back(std::make_unique<CLIPEncoderLayer>(options));
        add_child(text("layers.", i), *layers.back());
      }
    }

    std::vector<std::unique_ptr<CLIPEncoderLayer>> layers;
  };

  explicit Transformer(const CLIPTextOptions& options)
      : embeddings(options), encoder(options), final_layer_norm(options.hidden_size, options.layer_norm_eps) {
    add_child("embeddings", embeddings);
    add_child("encoder", encoder);
    add_child("final_layer_norm", final_layer_norm);
  }

  CLIPTextEmbeddings embeddings;
  Encoder encoder;
  LayerNorm final_layer_norm;
};

CLIPTextModel::CLIPTextModel(const CLIPTextOptions& options)
    : options_(options), text_model_(std::make_unique<Transformer>(options)) {
  add_child("text_model", *text_model_);
  if (!options.with_projection) return;
  text_projection_ = std::make_unique<Linear>(options.hidden_size, options.projection_dim, /*bias=*/false);
  text_projection_->set_init(
      "weight", Init::normal(options.initializer_factor / std::sqrt(static_cast<double>(options.hidden_size))));
  add_child("text_projection", *text_projection_);
}

CLIPTextModel::~CLIPTextModel() = default;

std::unique_ptr<CLIPTextModel> CLIPTextModel::from_pretrained(const std::filesystem::path& folder) {
  auto model = std::make_unique<CLIPTextModel>(read_clip_text_options(folder));
  load_weights(*model, folder, current_clip_name);
  return model;
}

void CLIPTextModel::save_pretrained(const std::filesystem::path& folder, SafeDtype dtype) const {
  std::filesystem::create_directories(folder);
  write_clip_text_options(options_, folder);
  save_weights(*this, folder / weights_file_name(Part::kTextEncoder), dtype, {{"format", "pt"}});
}

std::string_view CLIPTextModel::class_name() const {
  return options_.with_projection ? "CLIPTextModelWithProjection" : "CLIPTextModel";
}

size_t CLIPTextModel::layers_before(const CLIPTextRequest& request) const {
  const int64_t layers = options_.num_hidden_layers;
  if (request.clip_skip < 1 || request.clip_skip > layers + 1) {
    throw ConfigError(
        text("a ", class_name(), " of ", layers, " layers has no hidden state ", request.clip_skip, " from the end"),
        text("clip_skip ", request.clip_skip), text("1 to ", layers + 1, "; 2 is SDXL's"));
  }
  return static_cast<size_t>(layers + 1 - request.clip_skip);
}

at::Tensor CLIPTextModel::hidden_state(const at::Tensor& input_ids, const CLIPTextRequest& request) const {
  if (input_ids.size(1) > options_.max_position_embeddings) {
    throw WeightsError(text("a text of ", input_ids.size(1), " tokens is too long for the text encoder"),
                       text(class_name(), ", max_position_embeddings ", options_.max_position_embeddings),
                       "cut or pad texts to the encoder's length");
  }
  return run_layers(0, layers_before(request), text_model_->embeddings.forward(input_ids, request.replaced));
}

CLIPTextOutput CLIPTextModel::forward(const at::Tensor& input_ids, const CLIPTextRequest& request) const {
  CLIPTextOutput output;
  output.hidden_state = hidden_state(input_ids, request);
  const at::Tensor last = run_layers(layers_before(request), text_model_->encoder.layers.size(), output.hidden_state);
  output.last_hidden_state = text_model_->final_layer_norm.forward(last);
  output.pooled = pool(output.last_hidden_state, input_ids);
  if (text_projection_) output.pooled = text_projection_->forward(output.pooled);
  return output;
}

at::Tensor CLIPTextModel::run_layers(size_t begin, size_t end, at::Tensor hidden_states) const {
  for (size_t i = begin; i < end; ++i) {
    const CLIPEncoderLayer& layer = *text_model_->encoder.layers[i];
    hidden_states = gradient_checkpointing_
                        ? checkpoint([&layer](const Tensors& inputs) { return Tensors{layer.forward(inputs[0])}; },
                                     {hidden_states})[0]
                        : layer.forward(hidden_states);
  }
  return hidden_states;
}

at::Tensor CLIPTextModel::pool(const at::Tensor& last_hidden_state, const at::Tensor& input_ids) const {
  // argmax answers the first of equal values. Older configurations say eos 2 and mean the largest id.
  const at::Tensor ends = options_.eos_token_id == 2 ? input_ids : input_ids.eq(options_.eos_token_id).to(at::kInt);
  const at::Tensor rows = at::arange(input_ids.size(0), input_ids.options().dtype(at::kLong));
  return last_hidden_state.index({rows, ends.argmax(1)});
}

}  // namespace atelier
