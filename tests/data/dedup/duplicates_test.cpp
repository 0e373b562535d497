// Which pictures are left out, and for whom.
#include "data/dedup/duplicates.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace atelier {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

Fingerprint file(uint64_t md5, uint64_t pixels = 0) {
  Fingerprint print;
  print.md5 = {md5, md5};
  print.pixel_hash = {0, pixels};
  return print;
}

/// A picture whose fine hash has `bits` bits set.
Fingerprint looks(int bits, uint64_t coarse = 0, float aspect = 1) {
  Fingerprint print;
  print.comparable = true;
  print.coarse = coarse;
  print.aspect = aspect;
  for (int i = 0; i < bits; ++i) print.fine[static_cast<size_t>(i / 64)] |= uint64_t{1} << (i % 64);
  return print;
}

const DedupOptions kExact{.method = "exact"}, kNear{.method = "near"};

TEST(FindDuplicates, NoneByDefault) { EXPECT_THAT(find_duplicates(std::vector{file(1), file(1)}, {}), IsEmpty()); }

TEST(FindDuplicates, EqualFilesAndEqualPixelsAreOneGroup) {
  const std::vector pictures = {file(1, 7), file(2), file(3, 7), file(3), file(0, 8), file(0, 8), file(0)};
  EXPECT_THAT(find_duplicates(pictures, kExact),
              ElementsAre(Duplicate{2, 0, DuplicateKind::kPixels}, Duplicate{3, 0, DuplicateKind::kPixels},
                          Duplicate{5, 4, DuplicateKind::kPixels}));
  EXPECT_THAT(find_duplicates(std::vector{file(3), file(3), file(0), file(0)}, kExact),
              ElementsAre(Duplicate{1, 0, DuplicateKind::kMd5}));
}

TEST(FindDuplicates, NearIsJudgedByBitsAspectAndContrast) {
  EXPECT_THAT(find_duplicates(std::vector{looks(0), looks(17), looks(18, 0xFF), looks(18)}, kNear),
              ElementsAre(Duplicate{1, 0, DuplicateKind::kNear, 17}));
  EXPECT_THAT(find_duplicates(std::vector{looks(0), looks(1, 0x7F, 1.04F), looks(0, 0, 1.2F)}, kNear),
              ElementsAre(Duplicate{1, 0, DuplicateKind::kNear, 1}));
  Fingerprint plain = looks(0);
  plain.comparable = false;
  EXPECT_THAT(find_duplicates(std::vector{plain, plain}, kNear), IsEmpty());
}

TEST(FindDuplicates, ChainsDoNotFallTogether) {
  // 0 - 10 - 20 - 30 bits: each is near its neighbours alone.
  EXPECT_THAT(find_duplicates(std::vector{looks(0), looks(10), looks(20), looks(30)}, kNear),
              ElementsAre(Duplicate{1, 0, DuplicateKind::kNear, 10}, Duplicate{3, 2, DuplicateKind::kNear, 10}));
}

TEST(FindDuplicates, VariantsOfAPostStayUnlessWanted) {
  std::vector pictures = {looks(0), looks(5), looks(6)};
  pictures[0].family = pictures[1].family = 4;
  EXPECT_THAT(find_duplicates(pictures, kNear), ElementsAre(Duplicate{2, 0, DuplicateKind::kNear, 6}));
  EXPECT_THAT(find_duplicates(pictures, {.method = "near", .keep_variants = false}),
              ElementsAre(Duplicate{1, 0, DuplicateKind::kNear, 5}, Duplicate{2, 0, DuplicateKind::kNear, 6}));
}

TEST(FindDuplicates, ACopyOfWhatIsLeftOutIsStoodForByWhatStays) {
  std::vector pictures = {looks(0), looks(4), file(9)};
  pictures[1].md5 = {9, 9};
  EXPECT_THAT(find_duplicates(pictures, kNear),
              ElementsAre(Duplicate{1, 0, DuplicateKind::kNear, 4}, Duplicate{2, 0, DuplicateKind::kMd5}));
}

}  // namespace
}  // namespace atelier
