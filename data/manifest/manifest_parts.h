// A manifest's content, apart from where it lies, and its files.
#pragma once

#include <array>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "data/manifest/manifest.h"
#include "data/manifest/source_state.h"

namespace arrow {
class RecordBatch;
}

namespace atelier {

struct ManifestParts {
  std::vector<std::shared_ptr<arrow::RecordBatch>> batches;  // each of kRowsPerBatch rows, the last of fewer; mapped
  TagDictionary tags;
  ManifestSummary summary;
  std::string rules_state;                 // hash of the rules and lists that it was built with
  std::vector<SourceState> source_states;  // when it was built
};

inline constexpr int kManifestVersion = 3;
inline constexpr std::string_view kPostsFile = "posts.arrow", kTagsFile = "tags.arrow", kManifestFile = "manifest.json",
                                  kQuarantineFile = "quarantine.jsonl";

/// tags.arrow.
void write_tags(const TagDictionary& tags, const std::filesystem::path& file);
/// quarantine.jsonl, or the list that is left when a build gives up.
void write_quarantine(const std::vector<Quarantined>& quarantined, const std::filesystem::path& file);
/// Maps the files in `folder`. DataError as Manifest's constructor.
ManifestParts map_manifest(const std::filesystem::path& folder);

/// manifest.json, whose `batches` are not asked.
std::string write_summary(const ManifestParts& parts, int64_t rows);
/// Fills summary and states; returns the numbers of rows and tags. DataError if it is malformed.
std::array<int64_t, 2> read_summary(const std::filesystem::path& file, ManifestParts& parts);

}  // namespace atelier
