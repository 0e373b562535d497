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

TEST(MakeGrid, LongLabelsWrapAndStayInTheirCell) {
  const std::vector<HostPicture> pictures{flat(60, 20, 128), flat(60, 20, 128)};
  const std::vector<std::string> labels{"1girl, solo, a very long prompt that cannot fit", ""};
  const HostPicture grid = make_grid(pictures, labels, 2);
  int64_t black_left = 0, black_right = 0;
  for (int64_t y = 0; y < grid.height; ++y) {
    for (int64_t x = 0; x < grid.width; ++x) {
      if (red_at(grid, x, y) == 0) ++(x < 64 ? black_left : black_right);
    }
  }
  EXPECT_GT(black_left, 100);
  EXPECT_EQ(black_right, 0);
}

}  // namespace
}  // namespace atelier
