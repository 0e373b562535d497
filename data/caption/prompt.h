// Prompts as the web UIs write them: emphasis in brackets, escapes, BREAK.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace atelier {

/// A stretch of text with one weight, or a BREAK.
struct PromptPart {
  std::string text;
  double weight = 1;
  bool is_break = false;

  bool operator==(const PromptPart&) const = default;
};

/// A1111's syntax (its wiki, "Features", section "Attention/emphasis"): `(a)` times 1.1, `[a]` divided by 1.1,
/// `(a:1.2)` times 1.2, nested ones multiply, `\(` `\)` `\[` `\]` `\\` are the characters themselves, another
/// backslash vanishes; a bracket that is not closed holds to the end, one that is not opened is text; BREAK, alone as a
/// word, ends a chunk and takes the white space around it along. Neighbours of equal weight are one part; parts may be
/// empty; there is at least one. Differences: a BREAK inside brackets is one too (A1111 reads it as text), and
/// `(a:1.2.3)` is text in brackets (A1111 fails). tests/golden/prompts/webui_cases.json is the table of cases.
std::vector<PromptPart> parse_prompt(std::string_view prompt);

/// Only BREAK is read; brackets and backslashes are text, all weights are 1.
std::vector<PromptPart> split_at_breaks(std::string_view prompt);

}  // namespace atelier
