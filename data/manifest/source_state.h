// Whether a source is as it was when the manifest was built, told without reading it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <set>
#include <string>

#include "data/options/source_options.h"

namespace atelier {

/// As it was seen.
struct SourceState {
  /// Equal hashes mean: the source's files are the same by size, time of change and inode, and so are the options that
  /// it is read with. Empty: nothing can be said.
  std::string hash;
  /// Of a posts file: where pictures of its posts were found.
  std::set<std::string> picture_folders;
};

/// The state now. The hash is empty, too, if a file changed at or after `since` (nanoseconds since 1970).
SourceState source_state(const SourceOptions& options, std::set<std::string> picture_folders, int64_t since);

}  // namespace atelier
