// Samples that are known to be bad, as `dataset verify` lists them or as somebody wrote them down.
#pragma once

#include <filesystem>
#include <string>
#include <unordered_set>

#include "data/manifest/manifest.h"

namespace atelier {

class QuarantineList {
 public:
  QuarantineList() = default;
  /// A line is a JSON object with `id` and, on wish, `source` (the source's path; other keys are for people), or a bare
  /// id; `#` at its start makes it a comment. ConfigError with file and line for what is neither.
  explicit QuarantineList(const std::filesystem::path& file);

  bool empty() const { return ids_.empty(); }
  bool contains(const Manifest& manifest, int64_t row) const;

 private:
  std::unordered_set<std::string> ids_;  // "ID", or "SOURCE\nID"
};

}  // namespace atelier
