#include "data/caption/clip_tokenizer.h"

#include <algorithm>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <unordered_map>

#include "configs/base/resources.h"
#include "data/caption/clip_vocabulary.h"
#include "data/caption/clip_words.h"

namespace atelier {
namespace {

/// Words whose ids are remembered, and the longest of them in bytes: a few MB.
constexpr size_t kMaxRememberedWords = size_t{1} << 16;
constexpr size_t kMaxRememberedLength = 64;

using Ids = std::vector<int32_t>;

/// Applies the earliest merge that fits, everywhere, until none does.
void apply_merges(const ClipVocabulary& vocabulary, Ids& ids) {
  while (ids.size() > 1) {
    int32_t earliest = ClipVocabulary::kNone;
    for (size_t i = 0; i + 1 < ids.size(); ++i) {
      const int32_t id = vocabulary.merged(ids[i], ids[i + 1]);
      if (id != ClipVocabulary::kNone && (earliest == ClipVocabulary::kNone || id < earliest)) earliest = id;
    }
    if (earliest == ClipVocabulary::kNone) return;
    size_t kept = 0;
    for (size_t i = 0; i < ids.size(); ++i, ++kept) {
      const bool merges = i + 1 < ids.size() && vocabulary.merged(ids[i], ids[i + 1]) == earliest;
      ids[kept] = merges ? earliest : ids[i];
      if (merges) ++i;
    }
    ids.resize(kept);
  }
}

/// The marks that stand for start and end where they are spelled exactly so, before any cleaning.
struct Mark {
  std::string_view spelling;
  int32_t id;
};
constexpr Mark kMarks[] = {{"<|startoftext|>", ClipTokenizer::kBos}, {"<|endoftext|>", ClipTokenizer::kEos}};

}  // namespace

struct ClipTokenizer::Impl {
  explicit Impl(const std::filesystem::path& path) : vocabulary(path) {}

  Ids encode_word(const std::string& word) const {
    Ids ids;
    ids.reserve(word.size());
    for (const char byte : word) ids.push_back(vocabulary.byte_id(static_cast<uint8_t>(byte)));
    ids.back() += ClipVocabulary::kWordEnd;
    apply_merges(vocabulary, ids);
    return ids;
  }

  void append_word(const std::string& word, Ids& out) {
    {
      const std::shared_lock lock(mutex);
      if (const auto found = remembered.find(word); found != remembered.end()) {
        out.insert(out.end(), found->second.begin(), found->second.end());
        return;
      }
    }
    Ids ids = encode_word(word);
    out.insert(out.end(), ids.begin(), ids.end());
    if (word.size() > kMaxRememberedLength) return;
    const std::unique_lock lock(mutex);
    if (remembered.size() < kMaxRememberedWords) remembered.emplace(word, std::move(ids));
  }

  void append_plain(std::string_view text, Ids& out) {
    for (const std::string& word : clip_words(text)) append_word(word, out);
  }

  ClipVocabulary vocabulary;
  std::shared_mutex mutex;
  std::unordered_map<std::string, Ids> remembered;
};

ClipTokenizer::ClipTokenizer() : ClipTokenizer(resource_path("clip/bpe_simple_vocab_16e6.txt.gz")) {}
ClipTokenizer::ClipTokenizer(const std::filesystem::path& vocabulary) : impl_(std::make_unique<Impl>(vocabulary)) {}
ClipTokenizer::~ClipTokenizer() = default;
ClipTokenizer::ClipTokenizer(ClipTokenizer&&) noexcept = default;
ClipTokenizer& ClipTokenizer::operator=(ClipTokenizer&&) noexcept = default;

std::vector<int32_t> ClipTokenizer::encode(std::string_view text) const {
  Ids ids = {kBos};
  while (true) {
    const Mark* next = nullptr;
    size_t at = text.npos;
    for (const Mark& mark : kMarks) {
      if (const size_t found = text.find(mark.spelling); found < at) {
        at = found;
        next = &mark;
      }
    }
    impl_->append_plain(text.substr(0, at), ids);
    if (!next) break;
    ids.push_back(next->id);
    text.remove_prefix(at + next->spelling.size());
  }
  ids.push_back(kEos);
  return ids;
}

std::vector<int32_t> pad_or_truncate(std::span<const int32_t> ids, int32_t pad, int64_t length) {
  std::vector<int32_t> out(ids.begin(), ids.begin() + std::min<int64_t>(length, std::ssize(ids)));
  if (std::ssize(ids) > length) out.back() = ClipTokenizer::kEos;
  out.resize(static_cast<size_t>(length), pad);
  return out;
}

}  // namespace atelier
