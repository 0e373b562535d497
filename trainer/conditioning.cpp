#include "trainer/conditioning.h"

#include <ATen/ATen.h>

namespace atelier {
namespace {

constexpr int64_t kTokens = 77;

}  // namespace

at::Tensor PromptEncoder::token_ids(std::span<const std::string> texts, int encoder) const {
  at::Tensor ids = at::empty({static_cast<int64_t>(texts.size()), kTokens}, at::kLong);
  int64_t* out = ids.mutable_data_ptr<int64_t>();
  for (const std::string& text : texts) {
    for (int32_t id : pad_or_truncate(tokenizer_.encode(text), clip_pad_id(encoder), kTokens)) *out++ = id;
  }
  return ids.to(device_);
}

Conditioning PromptEncoder::encode(std::span<const std::string> texts) const {
  return model_.encode(token_ids(texts, 1), token_ids(texts, 2));
}

std::vector<SizeConditioning> size_conditioning(const LoadedBatch& batch) {
  std::vector<SizeConditioning> sizes;
  for (const LoadedSample& sample : batch.samples) {
    sizes.push_back({sample.original_height, sample.original_width, sample.crop_top, sample.crop_left, batch.height,
                     batch.width});
  }
  return sizes;
}

}  // namespace atelier
