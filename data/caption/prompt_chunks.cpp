#include "data/caption/prompt_chunks.h"

#include <algorithm>

#include "data/caption/prompt.h"

namespace atelier {
namespace {

/// How far back a comma may stand for the text behind it to move on (A1111's default of comma_padding_backtrack).
constexpr int64_t kSeparatorReach = 20;

class Chunker {
 public:
  Chunker(const PromptOptions& options, std::span<const PromptWord> words, int64_t capacity)
      : by_separator_(options.token_chunking == "by_separator"),
        only_at_breaks_(options.token_chunking == "explicit_break"),
        max_chunks_(static_cast<size_t>(options.max_token_length / PromptOptions::kChunkTokens)),
        words_(words),
        capacity_(capacity) {}

  void add(std::span<const int32_t> ids, float weight) {
    while (!ids.empty()) {
      make_room_for(ids.front());
      const PromptWord* word = word_at(ids);
      if (!word) {
        put(ids.front(), 1, weight);
        ids = ids.subspan(1);
      } else {
        if (size() + word->vectors > capacity_ && !only_at_breaks_) close();
        add_word(*word, weight);
        ids = ids.subspan(word->ids.size());
      }
    }
  }

  void close() {
    result_.chunks.push_back(std::move(chunk_));
    chunk_ = {};
    separator_ = kNone;
  }

  ChunkedPrompt finish() {
    if (!chunk_.ids.empty() || result_.chunks.empty()) close();
    std::vector<PromptChunk>& chunks = result_.chunks;
    if (max_chunks_ > 0 && chunks.size() > max_chunks_) {
      for (size_t i = max_chunks_; i < chunks.size(); ++i) result_.cut += std::ssize(chunks[i].ids);
      chunks.resize(max_chunks_);
    }
    return std::move(result_);
  }

 private:
  static constexpr int64_t kNone = -1;

  int64_t size() const { return std::ssize(chunk_.ids); }

  /// Before the next token of a full chunk: closes it, unless only breaks do. The comma itself never moves.
  void make_room_for(int32_t id) {
    if (id == ClipTokenizer::kComma) {
      separator_ = size();
    } else if (by_separator_ && size() == capacity_ && separator_ != kNone && size() - separator_ <= kSeparatorReach) {
      close_behind_separator();
    }
    if (size() == capacity_ && !only_at_breaks_) close();
  }

  void close_behind_separator() {
    const auto kept = static_cast<size_t>(separator_ + 1);
    PromptChunk moved;
    moved.ids.assign(chunk_.ids.begin() + static_cast<int64_t>(kept), chunk_.ids.end());
    moved.weights.assign(chunk_.weights.begin() + static_cast<int64_t>(kept), chunk_.weights.end());
    chunk_.ids.resize(kept);
    chunk_.weights.resize(kept);
    const auto first_moved = std::ranges::find_if(chunk_.words, [&](auto& w) { return w.position > separator_; });
    for (auto word = first_moved; word != chunk_.words.end(); ++word) {
      moved.words.push_back({word->position - separator_ - 1, word->word});
    }
    chunk_.words.erase(first_moved, chunk_.words.end());
    close();
    chunk_ = std::move(moved);
  }

  /// The longest word whose tokens begin `ids`.
  const PromptWord* word_at(std::span<const int32_t> ids) const {
    const PromptWord* longest = nullptr;
    for (const PromptWord& word : words_) {
      const bool longer = !longest || word.ids.size() > longest->ids.size();
      if (longer && word.ids.size() <= ids.size() && std::ranges::equal(word.ids, ids.first(word.ids.size()))) {
        longest = &word;
      }
    }
    return longest;
  }

  void add_word(const PromptWord& word, float weight) {
    const int64_t position = size();
    if (put(0, word.vectors, weight)) chunk_.words.push_back({position, static_cast<size_t>(&word - words_.data())});
  }

  /// `count` positions, or none of them where they do not fit.
  bool put(int32_t id, int64_t count, float weight) {
    result_.tokens += count;
    if (size() + count > capacity_) {
      result_.cut += count;
      return false;
    }
    chunk_.ids.insert(chunk_.ids.end(), static_cast<size_t>(count), id);
    chunk_.weights.insert(chunk_.weights.end(), static_cast<size_t>(count), weight);
    return true;
  }

  bool by_separator_, only_at_breaks_;
  size_t max_chunks_;  // 0: any number
  std::span<const PromptWord> words_;
  int64_t capacity_;
  ChunkedPrompt result_;
  PromptChunk chunk_;
  int64_t separator_ = kNone;  // position of the last comma in chunk_
};

std::vector<PromptPart> parts_of(std::string_view text, const PromptOptions& options) {
  if (options.weighted_captions) return parse_prompt(text);
  if (options.token_chunking != "blind75") return split_at_breaks(text);
  return {{std::string(text)}};
}

}  // namespace

ChunkedPrompt chunk_prompt(std::string_view text, const ClipTokenizer& tokenizer, const PromptOptions& options,
                           std::span<const PromptWord> words, int64_t capacity) {
  Chunker chunker(options, words, capacity);
  for (const PromptPart& part : parts_of(text, options)) {
    if (part.is_break) {
      chunker.close();
      continue;
    }
    const std::vector<int32_t> ids = tokenizer.encode(part.text);
    chunker.add(std::span(ids).subspan(1, ids.size() - 2), static_cast<float>(part.weight));
  }
  return chunker.finish();
}

std::vector<int32_t> chunk_input_ids(const PromptChunk& chunk, int32_t pad, int64_t length) {
  std::vector<int32_t> ids = {ClipTokenizer::kBos};
  ids.insert(ids.end(), chunk.ids.begin(), chunk.ids.end());
  ids.push_back(ClipTokenizer::kEos);
  return pad_or_truncate(ids, pad, length);
}

}  // namespace atelier
