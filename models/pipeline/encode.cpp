#include "models/pipeline/encode.h"

#include <ATen/ATen.h>

#include "models/clip/clip_text_model.h"
#include "models/pipeline/stable_diffusion_xl.h"

namespace atelier {
namespace {

/// In fp32, whatever the encoder computes in: a weight has more digits than bf16.
at::Tensor emphasised(const at::Tensor& states /*[R, L, D]*/, const ChunkedTexts& texts) {
  if (!texts.weights.defined()) return states;
  const at::Tensor weights = texts.weights.unsqueeze(-1);  // [R, L, 1]
  const at::Tensor exact = states.to(at::kFloat);
  if (texts.emphasis == Emphasis::kComfy) {
    const at::Tensor empty = exact.narrow(0, texts.empty_row, 1);
    return at::where(weights == 1, exact, empty + (exact - empty) * weights).to(states.scalar_type());
  }
  at::Tensor weighted = exact * weights;
  if (texts.emphasis == Emphasis::kOriginal) {
    const auto mean = [](const at::Tensor& tensor) { return tensor.mean({1, 2}, /*keepdim=*/true); };
    weighted = weighted * (mean(exact) / mean(weighted));
  }
  return weighted.to(states.scalar_type());
}

/// [R, L, D] -> [B, L', D].
at::Tensor joined(const at::Tensor& states, const ChunkedTexts& texts) {
  if (!texts.rows.defined()) return states;
  const int64_t batch = texts.rows.size(0), chunks = texts.rows.size(1);
  const int64_t length = states.size(1), width = states.size(2);
  const at::Tensor chosen = states.index_select(0, texts.rows.flatten()).view({batch, chunks, length, width});
  if (chunks == 1 || texts.join == ChunkJoin::kFull) return chosen.view({batch, chunks * length, width});
  const at::Tensor inner = chosen.narrow(2, 1, length - 2).reshape({batch, chunks * (length - 2), width});
  const at::Tensor begin = chosen.select(1, 0).narrow(1, 0, 1);
  const at::Tensor end = chosen.select(1, chunks - 1).narrow(1, length - 1, 1);
  return at::cat({begin, inner, end}, 1);
}

at::Tensor of_first_chunk(const at::Tensor& pooled /*[R, P]*/, const ChunkedTexts& texts) {
  return texts.rows.defined() ? pooled.index_select(0, texts.rows.select(1, 0)) : pooled;
}

}  // namespace

Conditioning StableDiffusionXL::encode(const ChunkedTexts& texts) const {
  const CLIPTextRequest request_1{texts.clip_skip, texts.vectors_1}, request_2{texts.clip_skip, texts.vectors_2};
  const auto conditioning = [&](const at::Tensor& states, const CLIPTextOutput& output) {
    return Conditioning{joined(states, texts), of_first_chunk(output.pooled, texts)};
  };
  if (!text_encoder_2) {
    const CLIPTextOutput output = text_encoder->forward(texts.input_ids_1, request_1);
    return conditioning(emphasised(output.hidden_state, texts), output);
  }
  const CLIPTextOutput second = text_encoder_2->forward(texts.input_ids_2, request_2);
  const at::Tensor states_2 = emphasised(second.hidden_state, texts);
  if (!text_encoder) return conditioning(states_2, second);
  const at::Tensor states_1 = emphasised(text_encoder->hidden_state(texts.input_ids_1, request_1), texts);
  return conditioning(at::cat({states_1, states_2}, -1), second);
}

Conditioning StableDiffusionXL::encode(const at::Tensor& input_ids_1, const at::Tensor& input_ids_2) const {
  ChunkedTexts texts;
  texts.input_ids_1 = input_ids_1;
  texts.input_ids_2 = input_ids_2;
  return encode(texts);
}

}  // namespace atelier
