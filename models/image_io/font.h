// A built-in 5x7 bitmap font for labels under pictures.
#pragma once

#include <array>
#include <cstdint>

namespace atelier {

constexpr int64_t kGlyphWidth = 5, kGlyphHeight = 7;
constexpr int64_t kGlyphDescent = 2;  // rows below the others' that some letters reach

/// Seven rows from the top, bit 4 the left pixel. ASCII 0x20..0x7e; anything else is a box.
const std::array<uint8_t, kGlyphHeight>& glyph(char32_t character);

/// How many rows lower than the others the glyph stands: 0 or kGlyphDescent.
int64_t glyph_descent(char32_t character);

}  // namespace atelier
