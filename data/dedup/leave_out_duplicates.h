// `dataset.select.dedup`: of each group of duplicates the best stays selected.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

#include "data/dedup/duplicates.h"
#include "data/manifest/manifest.h"
#include "data/select/select.h"

namespace atelier {

/// A row that duplicates `kept`.
struct DuplicateRow {
  int64_t row = 0, kept = 0;
  DuplicateKind kind{};
  int32_t distance = 0;  // bits of 256; 0 unless kNear
};

/// Of `rows`, the better ones first (data/dedup/fingerprints.h, also for `fingerprints`). Nothing is read with method
/// none.
std::vector<DuplicateRow> find_duplicate_rows(const Manifest& manifest, std::span<const int64_t> rows,
                                              const DedupOptions& options, const std::filesystem::path& fingerprints);

/// What select_rows() kept, without duplicates; returns those.
std::vector<DuplicateRow> leave_out_duplicates(const Manifest& manifest, const DedupOptions& options,
                                               const std::filesystem::path& fingerprints, Selection& selection);

}  // namespace atelier
