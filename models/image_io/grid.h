// Several pictures in one, each with a line of text under it.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace atelier {

/// sRGB pixels on the host.
struct HostPicture {
  int64_t width = 0, height = 0;
  std::vector<uint8_t> rgb;  // [height, width, 3]
};

/// Rows of `columns` cells on white; a cell is as large as the largest picture plus a strip of up to two lines for its
/// label, cut to the cell's width. Labels are drawn in a built-in 5x7 font: ASCII, other characters as a box.
/// REQUIRES as many labels as pictures, or none.
HostPicture make_grid(std::span<const HostPicture> pictures, std::span<const std::string> labels, int64_t columns);

/// Draws one line with the built-in font, black, its upper left corner at (x, y); clipped at the borders.
void draw_text(HostPicture& picture, std::string_view line, int64_t x, int64_t y);

}  // namespace atelier
