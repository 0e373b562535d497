// The caption file beside a picture.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace atelier {

struct CaptionFile {
  std::string caption;                        // the first line
  std::vector<std::string> further_captions;  // the other lines with something on them
};

/// nullopt if there is no such file. A BOM and CRLF are harmless. DataError whose summary is the word for counting
/// ("caption_not_utf8", "caption_has_nul", "caption_too_long", "caption_unreadable") otherwise.
std::optional<CaptionFile> read_caption_file(const std::string& path);
/// The same of its content. `where` is for errors.
CaptionFile parse_caption(std::string_view content, const std::string& where);

/// The pieces between commas (and between `|||`, which captions for sd-scripts hold), as canonical tags; empty ones
/// left out.
std::vector<std::string> caption_tags(std::string_view caption);

}  // namespace atelier
