#include "models/image_io/grid.h"

#include <algorithm>
#include <cmath>

#include "models/image_io/font.h"

namespace atelier {
namespace {

constexpr int64_t kGap = 4;                                        // px of white around and between cells
constexpr int64_t kAdvance = kGlyphWidth + 1;                      // dots from one character to the next
constexpr int64_t kLineHeight = kGlyphHeight + kGlyphDescent + 2;  // dots
constexpr int64_t kTextGap = 4;                                    // dots above the first line
constexpr size_t kMostLines = 12;                                  // of a text; what is longer ends in ".."
constexpr int64_t kCellOfOneDot = 256;                             // px of a cell whose letters have dots of 1 px

using Line = std::u32string;

// One code point a character; bytes that are no UTF-8 become a box each.
Line characters(std::string_view text) {
  Line result;
  for (const char byte : text) {
    const auto value = static_cast<unsigned char>(byte);
    const bool continuation = (value & 0xC0) == 0x80;
    if (!continuation) result.push_back(value < 0x80 ? value : U'\uFFFD');
  }
  return result;
}

// `text` broken at spaces into lines of at most `width` characters; a word longer than that is cut.
std::vector<Line> wrap_text(std::string_view text, size_t width) {
  std::vector<Line> lines;
  Line rest = characters(text);
  std::replace(rest.begin(), rest.end(), U'\n', U' ');
  while (!rest.empty()) {
    if (lines.size() == kMostLines) {
      Line& last = lines.back();
      last.resize(std::min(last.size(), width - 2));
      last += U"..";
      break;
    }
    size_t end = rest.size();
    if (end > width) {
      const size_t space = rest.rfind(U' ', width);
      end = space == Line::npos || space == 0 ? width : space;
    }
    lines.push_back(rest.substr(0, end));
    rest.erase(0, rest.find_first_not_of(U' ', end));
  }
  return lines;
}

void draw_line(HostPicture& picture, const Line& line, int64_t x, int64_t y, int64_t scale) {
  for (const char32_t character : line) {
    const auto& rows = glyph(character);
    const int64_t top = y + glyph_descent(character) * scale;
    for (int64_t dy = 0; dy < kGlyphHeight * scale; ++dy) {
      for (int64_t dx = 0; dx < kGlyphWidth * scale; ++dx) {
        const bool set = (rows[static_cast<size_t>(dy / scale)] >> (kGlyphWidth - 1 - dx / scale)) & 1;
        const int64_t px = x + dx, py = top + dy;
        const bool inside = px >= 0 && px < picture.width && py >= 0 && py < picture.height;
        if (set && inside) std::fill_n(picture.rgb.begin() + (py * picture.width + px) * 3, 3, uint8_t{0});
      }
    }
    x += kAdvance * scale;
  }
}

void paste(const HostPicture& picture, HostPicture& canvas, int64_t x, int64_t y) {
  for (int64_t row = 0; row < picture.height; ++row) {
    const auto from = picture.rgb.begin() + row * picture.width * 3;
    std::copy(from, from + picture.width * 3, canvas.rgb.begin() + ((y + row) * canvas.width + x) * 3);
  }
}

// A thin grey line across.
void draw_rule(HostPicture& canvas, int64_t y) {
  const auto begin = canvas.rgb.begin() + (y * canvas.width + kGap) * 3;
  std::fill(begin, begin + (canvas.width - 2 * kGap) * 3, uint8_t{0xB0});
}

// Wrapped lines of some texts, and the height that the longest takes.
struct TextBlock {
  TextBlock(std::span<const std::string> texts, int64_t width_px, int64_t scale_of_dots) : scale(scale_of_dots) {
    const auto width = static_cast<size_t>(std::max<int64_t>(width_px / (kAdvance * scale), 3));
    for (const std::string& text : texts) {
      lines.push_back(wrap_text(text, width));
      most = std::max(most, lines.back().size());
    }
  }

  int64_t height() const { return most == 0 ? 0 : (kTextGap + kLineHeight * static_cast<int64_t>(most)) * scale; }
  void draw(HostPicture& canvas, size_t text, int64_t x, int64_t y) const {
    y += kTextGap * scale;
    for (const Line& line : lines[text]) {
      draw_line(canvas, line, x, y, scale);
      y += kLineHeight * scale;
    }
  }

  int64_t scale;  // px a dot
  std::vector<std::vector<Line>> lines;
  size_t most = 0;
};

}  // namespace

void draw_text(HostPicture& picture, std::string_view line, int64_t x, int64_t y, int64_t scale) {
  draw_line(picture, characters(line), x, y, scale);
}

HostPicture make_grid(std::span<const HostPicture> pictures, std::span<const std::string> labels, int64_t columns,
                      std::string_view legend) {
  const auto count = static_cast<int64_t>(pictures.size());
  if (columns == 0) columns = static_cast<int64_t>(std::ceil(std::sqrt(static_cast<double>(count))));
  columns = std::clamp<int64_t>(columns, 1, std::max<int64_t>(count, 1));
  int64_t cell_width = 0, cell_height = 0;
  for (const HostPicture& picture : pictures) {
    cell_width = std::max(cell_width, picture.width);
    cell_height = std::max(cell_height, picture.height);
  }
  const int64_t scale = std::max<int64_t>(1, (cell_width + kCellOfOneDot / 2) / kCellOfOneDot);

  HostPicture grid;
  grid.width = kGap + columns * (cell_width + kGap);
  std::vector<TextBlock> rows;  // the labels of each row
  int64_t height = kGap;
  for (int64_t first = 0; first < count; first += columns) {
    const auto in_row = static_cast<size_t>(labels.empty() ? 0 : std::min(columns, count - first));
    rows.emplace_back(labels.subspan(labels.empty() ? 0 : static_cast<size_t>(first), in_row), cell_width, scale);
    height += cell_height + rows.back().height() + kGap;
  }
  const std::string legend_text(legend);
  const TextBlock below(std::span(&legend_text, 1), grid.width - 2 * kGap, scale);
  grid.height = height + below.height();
  grid.rgb.assign(static_cast<size_t>(grid.width * grid.height * 3), 255);

  int64_t y = kGap;
  for (int64_t row = 0; row < static_cast<int64_t>(rows.size()); ++row) {
    const TextBlock& block = rows[static_cast<size_t>(row)];
    for (int64_t i = row * columns; i < std::min(count, (row + 1) * columns); ++i) {
      const int64_t x = kGap + (i % columns) * (cell_width + kGap);
      paste(pictures[static_cast<size_t>(i)], grid, x, y);
      if (!block.lines.empty()) block.draw(grid, static_cast<size_t>(i % columns), x, y + cell_height);
    }
    y += cell_height + block.height() + kGap;
  }
  if (below.height() > 0) draw_rule(grid, y - kGap + scale);
  below.draw(grid, 0, kGap, y - kGap);
  return grid;
}

}  // namespace atelier
