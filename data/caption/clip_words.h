// Text to the words that byte-pair encoding works on.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace atelier {

/// NFC, lower case (each character by itself, as Rust's char::to_lowercase), then CLIP's pattern
///   <|startoftext|> | <|endoftext|> | 's|'t|'re|'ve|'m|'ll|'d | \p{L}+ | \p{N} | [^\s\p{L}\p{N}]+
/// whose matches are cut once more by GPT-2's (which splits only the first two). White space separates and is gone.
/// Bytes that are no UTF-8 are read as U+FFFD. Words are UTF-8.
std::vector<std::string> clip_words(std::string_view text);

/// White_Space of the Unicode character database.
bool is_white_space(char32_t c);

}  // namespace atelier
