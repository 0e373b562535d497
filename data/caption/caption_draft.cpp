#include "configs/base/hash.h"
#include "configs/base/text.h"
#include "data/caption/caption_operators.h"

namespace atelier {

void CaptionDraft::set_text(std::string text) {
  text_ = std::move(text);
  tags_.clear();
  split_ = false;
}

void CaptionDraft::set_tags(std::vector<std::string> tags) {
  text_.clear();
  tags_ = std::move(tags);
  split_ = true;
}

void CaptionDraft::add_prefix(std::string_view prefix) {
  if (split_ && tags_.empty()) tags_.emplace_back();
  std::string& first = split_ ? tags_.front() : text_;
  first = text(prefix, " ", first);
}

void CaptionDraft::add_suffix(std::string_view suffix) {
  if (split_ && tags_.empty()) tags_.emplace_back();
  std::string& last = split_ ? tags_.back() : text_;
  last = text(last, " ", suffix);
}

std::vector<std::string>& CaptionDraft::tags(std::string_view separator) {
  if (split_) return tags_;
  split_ = true;
  std::string_view rest = trim(text_);
  if (rest.empty()) return tags_;
  while (true) {
    const size_t end = separator.empty() ? rest.npos : rest.find(separator);
    tags_.emplace_back(trim(rest.substr(0, end)));
    if (end == rest.npos) return tags_;
    rest.remove_prefix(end + separator.size());
  }
}

std::string CaptionDraft::finish() && { return split_ ? join(tags_, ", ") : std::move(text_); }

CounterRng CaptionContext::draws(std::string_view stream) const {
  return CounterRng(key.seed, stream,
                    {hash64(key.id), static_cast<uint64_t>(key.epoch), static_cast<uint64_t>(key.repeat)});
}

}  // namespace atelier
