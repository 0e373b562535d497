#include "models/image_io/grid.h"

#include <algorithm>

#include "models/image_io/font.h"

namespace atelier {
namespace {

constexpr int64_t kGap = 4;                        // px of white around and between cells
constexpr int64_t kAdvance = kGlyphWidth + 1;      // px from one character to the next
constexpr int64_t kLineHeight = kGlyphHeight + 3;  // px
constexpr size_t kLabelLines = 2;

// One code point a character; bytes that are no UTF-8 become a box each.
std::vector<char32_t> characters(std::string_view line) {
  std::vector<char32_t> result;
  for (const char byte : line) {
    const auto value = static_cast<unsigned char>(byte);
    const bool continuation = (value & 0xC0) == 0x80;
    if (!continuation) result.push_back(value < 0x80 ? value : U'\uFFFD');
  }
  return result;
}

// `label` broken at spaces into lines of at most `width` characters; a word longer than that is cut, and what does not
// fit ends in "..".
std::vector<std::string> wrap_label(std::string_view label, size_t width) {
  std::vector<std::string> lines;
  std::string rest(label);
  while (!rest.empty() && lines.size() < kLabelLines) {
    if (rest.size() <= width) {
      lines.push_back(rest);
      break;
    }
    if (lines.size() + 1 == kLabelLines) {
      lines.push_back(rest.substr(0, width > 2 ? width - 2 : 0) + "..");
      break;
    }
    const size_t space = rest.rfind(' ', width);
    const size_t end = space == std::string::npos || space == 0 ? width : space;
    lines.push_back(rest.substr(0, end));
    rest.erase(0, end);
    rest.erase(0, rest.find_first_not_of(' '));
  }
  return lines;
}

void paste(const HostPicture& picture, HostPicture& canvas, int64_t x, int64_t y) {
  for (int64_t row = 0; row < picture.height; ++row) {
    const auto from = picture.rgb.begin() + row * picture.width * 3;
    std::copy(from, from + picture.width * 3, canvas.rgb.begin() + ((y + row) * canvas.width + x) * 3);
  }
}

}  // namespace

void draw_text(HostPicture& picture, std::string_view line, int64_t x, int64_t y) {
  for (const char32_t character : characters(line)) {
    const auto& rows = glyph(character);
    for (int64_t dy = 0; dy < kGlyphHeight; ++dy) {
      for (int64_t dx = 0; dx < kGlyphWidth; ++dx) {
        const bool set = (rows[static_cast<size_t>(dy)] >> (kGlyphWidth - 1 - dx)) & 1;
        const int64_t px = x + dx, py = y + dy;
        const bool inside = px >= 0 && px < picture.width && py >= 0 && py < picture.height;
        if (set && inside) std::fill_n(picture.rgb.begin() + (py * picture.width + px) * 3, 3, uint8_t{0});
      }
    }
    x += kAdvance;
  }
}

HostPicture make_grid(std::span<const HostPicture> pictures, std::span<const std::string> labels, int64_t columns) {
  const auto count = static_cast<int64_t>(pictures.size());
  columns = std::clamp<int64_t>(columns, 1, std::max<int64_t>(count, 1));
  const int64_t rows = (count + columns - 1) / columns;
  int64_t cell_width = 0, cell_height = 0;
  for (const HostPicture& picture : pictures) {
    cell_width = std::max(cell_width, picture.width);
    cell_height = std::max(cell_height, picture.height);
  }
  const int64_t strip = labels.empty() ? 0 : kLineHeight * static_cast<int64_t>(kLabelLines) + 2;

  HostPicture grid;
  grid.width = kGap + columns * (cell_width + kGap);
  grid.height = kGap + rows * (cell_height + strip + kGap);
  grid.rgb.assign(static_cast<size_t>(grid.width * grid.height * 3), 255);
  for (int64_t i = 0; i < count; ++i) {
    const int64_t x = kGap + (i % columns) * (cell_width + kGap);
    const int64_t y = kGap + (i / columns) * (cell_height + strip + kGap);
    paste(pictures[static_cast<size_t>(i)], grid, x, y);
    if (labels.empty()) continue;
    int64_t line_y = y + cell_height + 3;
    for (const std::string& line :
         wrap_label(labels[static_cast<size_t>(i)], static_cast<size_t>(cell_width / kAdvance))) {
      draw_text(grid, line, x, line_y);
      line_y += kLineHeight;
    }
  }
  return grid;
}

}  // namespace atelier
