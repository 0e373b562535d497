// Several pictures in one, each with its label under it, and a legend below them all.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace atelier {

/// sRGB pixels on the host.
struct HostPicture {
  int64_t width = 0, height = 0;
  std::vector<uint8_t> rgb;  // [height, width, 3]
};

/// Rows of `columns` cells (0: about as many as there are rows) on white; a cell is as large as the largest picture,
/// and each row has room for the longest of its labels. Labels are broken at spaces into lines of the cell's width, the
/// legend into lines of the grid's. The letters grow with the cells: about 42 go into a line from 256 px on. ASCII in a
/// built-in 5x7 font, other characters as a box. REQUIRES as many labels as pictures, or none.
HostPicture make_grid(std::span<const HostPicture> pictures, std::span<const std::string> labels, int64_t columns,
                      std::string_view legend = {});

/// Draws one line with the built-in font, black, its upper left corner at (x, y), each dot `scale` px wide; clipped at
/// the borders.
void draw_text(HostPicture& picture, std::string_view line, int64_t x, int64_t y, int64_t scale = 1);

}  // namespace atelier
