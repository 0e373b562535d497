#include "trainer/prompting/prompt_encoder.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <map>
#include <utility>

#include "configs/base/error.h"
#include "configs/base/log.h"
#include "configs/base/text.h"
#include "models/clip/clip_text_model.h"

namespace atelier {
namespace {

int64_t positions(const StableDiffusionXL& model) {
  const CLIPTextModel& encoder = model.text_encoder ? *model.text_encoder : *model.text_encoder_2;
  return encoder.options().max_position_embeddings;
}

Emphasis emphasis_of(const PromptOptions& options) {
  if (options.emphasis == "original") return Emphasis::kOriginal;
  return options.emphasis == "comfy" ? Emphasis::kComfy : Emphasis::kNoNorm;
}

void require_width(const at::Tensor& vectors, const CLIPTextModel* encoder, const char* name,
                   const std::filesystem::path& file) {
  if (!encoder || vectors.size(1) == encoder->options().hidden_size) return;
  throw WeightsError(
      text(name, " is ", vectors.size(1), " wide, the model's text encoder ", encoder->options().hidden_size),
      file.string(), "the embedding was made for another model");
}

bool is_emphasised(const PromptChunk& chunk) {
  return std::ranges::any_of(chunk.weights, [](float weight) { return weight != 1; });
}

/// The different chunks of a call, numbered as they come.
class ChunkTable {
 public:
  int64_t number(const PromptChunk& chunk) {
    const auto [entry, is_new] = numbers_.try_emplace(chunk, std::ssize(chunks_));
    if (is_new) chunks_.push_back(chunk);
    return entry->second;
  }

  const std::vector<PromptChunk>& chunks() const { return chunks_; }

 private:
  std::map<PromptChunk, int64_t> numbers_;
  std::vector<PromptChunk> chunks_;
};

/// Texts [begin, begin + count).
Conditioning slice(const Conditioning& all, int64_t begin, int64_t count) {
  return {all.encoder_hidden_states.narrow(0, begin, count), all.text_embeds.narrow(0, begin, count)};
}

/// Zeros for the texts that are empty.
Conditioning without_empty(const Conditioning& all, std::span<const std::string> texts) {
  at::Tensor empty = at::empty({static_cast<int64_t>(texts.size())}, at::kBool);
  std::ranges::transform(texts, empty.mutable_data_ptr<bool>(), [](const std::string& text) { return text.empty(); });
  empty = empty.to(all.text_embeds.device());
  return {all.encoder_hidden_states.masked_fill(empty.view({-1, 1, 1}), 0),
          all.text_embeds.masked_fill(empty.view({-1, 1}), 0)};
}

}  // namespace

PromptEncoder::PromptEncoder(const StableDiffusionXL& model, at::Device device, PromptOptions options,
                             bool warn_of_cuts)
    : model_(model),
      device_(device),
      options_(std::move(options)),
      warn_of_cuts_(warn_of_cuts),
      length_(positions(model)) {}

void PromptEncoder::add_embedding(const std::filesystem::path& file, const std::string& word) {
  TextualInversion inversion = read_textual_inversion(file);
  require_width(inversion.clip_l, model_.text_encoder.get(), "clip_l", file);
  require_width(inversion.clip_g, model_.text_encoder_2.get(), "clip_g", file);
  if (inversion.vectors() > length_ - 2) {
    throw WeightsError(text("the embedding has ", inversion.vectors(), " vectors, a text has ", length_ - 2, " places"),
                       file.string());
  }
  const std::string spelled = word.empty() ? file.stem().string() : word;
  std::vector<int32_t> ids = tokenizer_.encode(spelled);
  ids.erase(ids.begin());
  ids.pop_back();
  const auto same = [&](const PromptWord& other) { return other.ids == ids; };
  if (ids.empty() || std::ranges::any_of(words_, same)) {
    throw ConfigError(text(ids.empty() ? "an embedding needs a word: " : "two embeddings have the word: ", spelled),
                      file.string(), "give it another word");
  }
  words_.push_back({std::move(ids), inversion.vectors()});
  inversions_.push_back({inversion.clip_l.to(device_), inversion.clip_g.to(device_)});
}

Conditioning PromptEncoder::encode(std::span<const std::string> texts) const {
  std::vector<ChunkedPrompt> prompts;
  for (const std::string& text : texts) prompts.push_back(chunk(text));
  return encode_chunks(std::move(prompts));
}

GuidedConditioning PromptEncoder::encode(std::span<const std::string> prompts,
                                         std::span<const std::string> negatives) const {
  std::vector<ChunkedPrompt> chunked;
  for (const std::string& text : prompts) chunked.push_back(chunk(text));
  for (const std::string& text : negatives) chunked.push_back(chunk(text));
  const Conditioning all = encode_chunks(std::move(chunked));
  const auto count = static_cast<int64_t>(prompts.size()), negative_count = static_cast<int64_t>(negatives.size());
  GuidedConditioning guided{slice(all, 0, count), slice(all, count, negative_count)};
  const bool zeros =
      options_.empty_negative == "zeros" || (options_.empty_negative == "model" && model_.force_zeros_for_empty_prompt);
  if (zeros) guided.negative = without_empty(guided.negative, negatives);
  return guided;
}

int64_t PromptEncoder::chunk_count(const std::string& text) const {
  return std::ssize(chunk_prompt(text, tokenizer_, options_, words_, length_ - 2).chunks);
}

ChunkedPrompt PromptEncoder::chunk(const std::string& text) const {
  ChunkedPrompt prompt = chunk_prompt(text, tokenizer_, options_, words_, length_ - 2);
  if (warn_of_cuts_ && prompt.cut > 0) {
    log_warning("only ", prompt.tokens - prompt.cut, " of ", prompt.tokens, " tokens count of: ", text);
  }
  return prompt;
}

Conditioning PromptEncoder::encode_chunks(std::vector<ChunkedPrompt> prompts) const {
  auto count = static_cast<size_t>(options_.max_token_length / PromptOptions::kChunkTokens);
  if (count == 0) {
    for (const ChunkedPrompt& prompt : prompts) count = std::max(count, prompt.chunks.size());
  }
  ChunkTable table;
  std::vector<int64_t> rows;
  for (ChunkedPrompt& prompt : prompts) {
    prompt.chunks.resize(count);
    for (const PromptChunk& chunk : prompt.chunks) rows.push_back(table.number(chunk));
  }
  ChunkedTexts texts;
  texts.emphasis = emphasis_of(options_);
  if (std::ranges::any_of(table.chunks(), is_emphasised)) {
    if (texts.emphasis == Emphasis::kComfy) texts.empty_row = table.number(PromptChunk());
    texts.weights = weights(table.chunks());
  }
  const bool one_each = count == 1 && table.chunks().size() == prompts.size();
  if (!one_each) texts.rows = at::tensor(rows).view({std::ssize(prompts), -1}).to(device_);
  texts.input_ids_1 = input_ids(table.chunks(), 1);
  texts.input_ids_2 = input_ids(table.chunks(), 2);
  texts.vectors_1 = vectors(table.chunks(), 1);
  texts.vectors_2 = vectors(table.chunks(), 2);
  texts.clip_skip = options_.clip_skip;
  texts.join = options_.token_join == "full" ? ChunkJoin::kFull : ChunkJoin::kInner;
  return model_.encode(texts);
}

at::Tensor PromptEncoder::input_ids(std::span<const PromptChunk> chunks, int encoder) const {
  at::Tensor ids = at::empty({std::ssize(chunks), length_}, at::kLong);
  int64_t* out = ids.mutable_data_ptr<int64_t>();
  for (const PromptChunk& chunk : chunks) {
    out = std::ranges::copy(chunk_input_ids(chunk, clip_pad_id(encoder), length_), out).out;
  }
  return ids.to(device_);
}

at::Tensor PromptEncoder::weights(std::span<const PromptChunk> chunks) const {
  at::Tensor weights = at::ones({std::ssize(chunks), length_}, at::kFloat);
  float* out = weights.mutable_data_ptr<float>();
  for (const PromptChunk& chunk : chunks) {
    std::ranges::copy(chunk.weights, out + 1);
    out += length_;
  }
  return weights.to(device_);
}

std::vector<TokenVectors> PromptEncoder::vectors(std::span<const PromptChunk> chunks, int encoder) const {
  std::vector<TokenVectors> vectors;
  for (size_t row = 0; row < chunks.size(); ++row) {
    for (const PromptChunk::Word& word : chunks[row].words) {
      const TextualInversion& inversion = inversions_[word.word];
      const at::Tensor& values = encoder == 1 ? inversion.clip_l : inversion.clip_g;
      vectors.push_back({static_cast<int64_t>(row), word.position + 1, values});
    }
  }
  return vectors;
}

}  // namespace atelier
