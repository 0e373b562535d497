// Maintained word lists (configs/lists/*.txt) and `*` patterns over tags.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace atelier {

/// True if `text` is `pattern`, where `*` stands for any bytes, none included.
bool matches_pattern(std::string_view pattern, std::string_view text);

/// One entry a line as written, without the white space around it; `#` at the start of a line or after white space
/// starts a comment, empty lines are skipped, a BOM is harmless. ConfigError if it cannot be read.
std::vector<std::string> read_lines(const std::filesystem::path& path);

/// The same in canonical tag form.
std::vector<std::string> read_word_list(const std::filesystem::path& path);

}  // namespace atelier
