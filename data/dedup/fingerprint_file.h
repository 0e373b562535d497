// What is known of pictures' content, on disk (docs/formats/fingerprints.md).
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

namespace atelier {

using Hash128 = std::array<uint64_t, 2>;

/// One picture; what is not known yet is missing.
struct PictureHashes {
  Hash128 key{};  // of the picture's path, place, size and time of change
  std::optional<Hash128> md5{}, pixel_hash{};
  std::optional<uint64_t> difference{};  // the three are known together
  std::array<uint64_t, 4> fine_difference{};
  float contrast = 0;       // of 255 levels
  bool unreadable = false;  // it could not be decoded

  bool operator==(const PictureHashes&) const = default;
};

/// Ordered by key. Empty if there is no such file; one that is damaged or of another version is warned of and counts
/// as none.
std::vector<PictureHashes> read_fingerprint_file(const std::filesystem::path& path);

/// Whole or not at all. MachineError on a full disk, ConfigError where nothing can be written.
void write_fingerprint_file(const std::filesystem::path& path, const std::vector<PictureHashes>& pictures);

}  // namespace atelier
