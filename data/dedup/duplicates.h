// Groups of pictures that are the same, or look it, and which of each group stays.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "data/options/dedup_options.h"

namespace atelier {

/// What is compared of one picture.
struct Fingerprint {
  std::array<uint64_t, 2> md5{}, pixel_hash{};  // zero: unknown
  uint64_t coarse = 0;                          // 64-bit difference hash
  std::array<uint64_t, 4> fine{};               // 256-bit difference hash
  bool comparable = false;                      // the difference hashes are known, and the picture is no plain surface
  float aspect = 1;                             // width / height
  int64_t family = -1;                          // parent and children of a post have one number; -1: alone
};

enum class DuplicateKind : uint8_t { kMd5, kPixels, kNear };
/// "md5", "pixels", "near".
std::string_view duplicate_kind_name(DuplicateKind kind);

/// A picture that is left out, and the one that stands for it. Positions in the order that was given.
struct Duplicate {
  int64_t index = 0, kept = 0;
  DuplicateKind kind{};
  int32_t distance = 0;  // bits of 256; 0 unless kNear

  bool operator==(const Duplicate&) const = default;
};

/// `pictures` stand in the order of preference, the best first. Equal files and equal pixels are one group, whose first
/// picture stays. Of what is left, each picture from the first on takes out those that look like it: so whatever is
/// left out is near to the picture that stands for it, and chains of variants do not fall together. Near are pictures
/// whose coarse hashes differ in at most 7 bits, whose fine ones in at most threshold x 256, and whose aspects within 5
/// %. Sorted by index.
std::vector<Duplicate> find_duplicates(std::span<const Fingerprint> pictures, const DedupOptions& options);

}  // namespace atelier
