#include "data/dedup/leave_out_duplicates.h"

#include "data/dedup/fingerprints.h"

namespace atelier {

std::vector<DuplicateRow> find_duplicate_rows(const Manifest& manifest, std::span<const int64_t> rows,
                                              const DedupOptions& options, const std::filesystem::path& fingerprints) {
  std::vector<DuplicateRow> duplicates;
  if (options.method == "none") return duplicates;
  const std::vector<int64_t> ordered = by_preference(manifest, rows);
  const auto row_at = [&](int64_t position) { return ordered[static_cast<size_t>(position)]; };
  const std::vector<Fingerprint> prints = refresh_fingerprints(manifest, ordered, options, fingerprints);
  for (const Duplicate& each : find_duplicates(prints, options)) {
    duplicates.push_back({row_at(each.index), row_at(each.kept), each.kind, each.distance});
  }
  return duplicates;
}

std::vector<DuplicateRow> leave_out_duplicates(const Manifest& manifest, const DedupOptions& options,
                                               const std::filesystem::path& fingerprints, Selection& selection) {
  std::vector<DuplicateRow> duplicates = find_duplicate_rows(manifest, selection.rows, options, fingerprints);
  for (const DuplicateRow& each : duplicates) {
    selection.exclusions[static_cast<size_t>(each.row)] = Exclusion::kDuplicate;
  }
  std::erase_if(selection.rows, [&](int64_t row) {
    return selection.exclusions[static_cast<size_t>(row)] == Exclusion::kDuplicate;
  });
  return duplicates;
}

}  // namespace atelier
