#include <gtest/gtest.h>

#include "models/image_io/grid.h"

namespace atelier {
namespace {

HostPicture flat(int64_t width, int64_t height, uint8_t value) {
  return {width, height, std::vector<uint8_t>(static_cast<size_t>(width * height * 3), value)};
}

uint8_t red_at(const HostPicture& picture, int64_t x, int64_t y) {
  return picture.rgb[static_cast<size_t>((y * picture.width + x) * 3)];
}

/// The picture's black pixels as lines of '#'.
std::string drawn(const HostPicture& picture) {
  std::string result;
  for (int64_t y = 0; y < picture.height; ++y) {
    for (int64_t x = 0; x < picture.width; ++x) result += red_at(picture, x, y) == 0 ? '#' : '.';
    result += '\n';
  }
  return result;
}

TEST(DrawText, LooksLikeLetters) {
  HostPicture canvas = flat(12, 7, 255);
  draw_text(canvas, "A1", 0, 0);
  EXPECT_EQ(drawn(canvas),
            ".###....#...\n"
            "#...#..##...\n"
            "#...#...#...\n"
            "#####...#...\n"
            "#...#...#...\n"
            "#...#...#...\n"
            "#...#..###..\n");
}

TEST(DrawText, SomeLettersReachBelowTheLine) {
  HostPicture canvas = flat(11, 9, 255);
  draw_text(canvas, "ag", 0, 0);
  EXPECT_EQ(drawn(canvas),
            "...........\n"
            "...........\n"
            ".###...####\n"
            "....#.#...#\n"
            ".####.#...#\n"
            "#...#.#...#\n"
            ".####..####\n"
            "..........#\n"
            ".......###.\n");
}

TEST(DrawText, IsClippedAndShowsOtherScriptsAsOneBoxACharacter) {
  HostPicture canvas = flat(11, 7, 255);
  draw_text(canvas, "é界a", 0, 0);
  EXPECT_EQ(drawn(canvas).substr(0, 12), "#####.#####\n");
  draw_text(canvas, "far away", -100, 50);
}

TEST(MakeGrid, PlacesCellsByRow) {
  const std::vector<HostPicture> pictures{flat(20, 10, 10), flat(16, 12, 20), flat(20, 10, 30)};
  const HostPicture grid = make_grid(pictures, {}, 2);
  EXPECT_EQ(grid.width, 4 + 2 * (20 + 4));
  EXPECT_EQ(grid.height, 4 + 2 * (12 + 4));
  EXPECT_EQ(red_at(grid, 4, 4), 10);
  EXPECT_EQ(red_at(grid, 28, 4), 20);
  EXPECT_EQ(red_at(grid, 4, 20), 30);
  EXPECT_EQ(red_at(grid, 0, 0), 255);
  EXPECT_EQ(red_at(grid, 30, 22), 255) << "no fourth picture";
}

/// Black pixels of the grid left of `x`, and from it on.
std::pair<int64_t, int64_t> black_around(const HostPicture& grid, int64_t x) {
  int64_t left = 0, right = 0;
  for (int64_t row = 0; row < grid.height; ++row) {
    for (int64_t column = 0; column < grid.width; ++column) {
      if (red_at(grid, column, row) == 0) ++(column < x ? left : right);
    }
  }
  return {left, right};
}

TEST(MakeGrid, LongLabelsWrapAndStayInTheirCell) {
  const std::vector<HostPicture> pictures{flat(60, 20, 128), flat(60, 20, 128)};
  const std::vector<std::string> labels{"1girl, solo, a very long prompt that cannot fit", ""};
  const HostPicture grid = make_grid(pictures, labels, 2);
  const auto [left, right] = black_around(grid, 64);
  EXPECT_GT(left, 100);
  EXPECT_EQ(right, 0);
  EXPECT_EQ(grid.height, 4 + 20 + (4 + 6 * 11) + 4) << "six lines of ten characters";
}

TEST(MakeGrid, EachRowHasRoomForItsOwnLabels) {
  const std::vector<HostPicture> pictures{flat(60, 20, 128), flat(60, 20, 128)};
  const std::vector<std::string> labels{"one", "line, and then three more of ten"};
  const HostPicture grid = make_grid(pictures, labels, 1);
  EXPECT_EQ(grid.height, 4 + 20 + (4 + 11) + 4 + 20 + (4 + 4 * 11) + 4);
  EXPECT_EQ(red_at(grid, 4, 4 + 20 + 15 + 4), 128) << "the second picture";
}

TEST(MakeGrid, TheLegendStandsBelowAndIsAsWideAsTheGrid) {
  const std::vector<HostPicture> pictures{flat(60, 20, 128), flat(60, 20, 128)};
  const HostPicture plain = make_grid(pictures, {}, 2), grid = make_grid(pictures, {}, 2, "nineteen characters go");
  EXPECT_EQ(grid.height, plain.height + 4 + 2 * 11) << "20 characters go into 128 px";
  EXPECT_EQ(grid.width, plain.width);
  EXPECT_GT(black_around(grid, 68).second, 20);
  const std::string endless(5000, 'x');
  EXPECT_EQ(make_grid(pictures, {}, 2, endless).height, plain.height + 4 + 12 * 11);
}

TEST(MakeGrid, LettersGrowWithTheCells) {
  const std::vector<HostPicture> pictures{flat(1024, 16, 128)};
  const std::vector<std::string> labels{"A"};
  const HostPicture grid = make_grid(pictures, labels, 1);
  EXPECT_EQ(grid.height, 4 + 16 + 4 * (4 + 11) + 4);
  HostPicture one = flat(5, 7, 255), four = flat(20, 28, 255);
  draw_text(one, "A", 0, 0);
  draw_text(four, "A", 0, 0, 4);
  for (int64_t y = 0; y < 28; ++y) {
    for (int64_t x = 0; x < 20; ++x) EXPECT_EQ(red_at(four, x, y), red_at(one, x / 4, y / 4));
  }
}

}  // namespace
}  // namespace atelier
