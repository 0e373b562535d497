#include "trainer/prompting/prompt_encoder.h"

#include <ATen/ATen.h>

#include "configs/base/log.h"
#include "models/clip/clip_text_model.h"

namespace atelier {

at::Tensor PromptEncoder::token_ids(std::span<const std::string> texts, int encoder) const {
  const CLIPTextModel& text_model = model_.text_encoder ? *model_.text_encoder : *model_.text_encoder_2;
  const int64_t length = text_model.options().max_position_embeddings;
  at::Tensor ids = at::empty({static_cast<int64_t>(texts.size()), length}, at::kLong);
  int64_t* out = ids.mutable_data_ptr<int64_t>();
  for (const std::string& text : texts) {
    const std::vector<int32_t> tokens = tokenizer_.encode(text);
    if (warn_of_cuts_ && encoder == 1 && static_cast<int64_t>(tokens.size()) > length) {
      log_warning("only the first ", length - 2, " of ", tokens.size() - 2, " tokens count of: ", text);
    }
    for (const int32_t id : pad_or_truncate(tokens, clip_pad_id(encoder), length)) *out++ = id;
  }
  return ids.to(device_);
}

Conditioning PromptEncoder::encode(std::span<const std::string> texts) const {
  return model_.encode(token_ids(texts, 1), token_ids(texts, 2));
}

}  // namespace atelier
