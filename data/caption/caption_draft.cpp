#include "data/caption/caption_draft.h"

#include "configs/base/text.h"

namespace atelier {

void CaptionDraft::set_text(std::string text) {
  text_ = std::move(text);
  tags_.clear();
  is_tags_ = false;
}

void CaptionDraft::set_tags(std::vector<DraftTag> tags) {
  text_.clear();
  tags_ = std::move(tags);
  is_tags_ = true;
}

void CaptionDraft::add_prefix(std::string_view prefix, std::string_view separator) {
  const auto with_space = [&](const std::string& rest) { return std::string(prefix) + " " + rest; };
  if (!is_tags_) {
    text_ = with_space(text_);
  } else if (!separator.empty() && trim(prefix).ends_with(separator)) {
    DraftTag tag;
    tag.text = trim(trim(prefix).substr(0, trim(prefix).size() - separator.size()));
    tags_.insert(tags_.begin(), std::move(tag));
  } else {
    if (tags_.empty()) tags_.emplace_back();
    tags_.front().text = with_space(tags_.front().text);
  }
}

void CaptionDraft::add_suffix(std::string_view suffix, std::string_view separator) {
  const auto with_space = [&](const std::string& rest) { return rest + " " + std::string(suffix); };
  if (!is_tags_) {
    text_ = with_space(text_);
  } else if (!separator.empty() && trim(suffix).starts_with(separator)) {
    tags_.emplace_back().text = trim(trim(suffix).substr(separator.size()));
  } else {
    if (tags_.empty()) tags_.emplace_back();
    tags_.back().text = with_space(tags_.back().text);
  }
}

std::vector<std::string_view> cut_pieces(std::string_view text, std::string_view separator) {
  std::vector<std::string_view> pieces;
  while (true) {
    const size_t end = separator.empty() ? text.npos : text.find(separator);
    pieces.push_back(trim(text.substr(0, end)));
    if (end == text.npos) return pieces;
    text.remove_prefix(end + separator.size());
  }
}

}  // namespace atelier
