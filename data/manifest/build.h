// From sources to a manifest.
#pragma once

#include <filesystem>
#include <optional>
#include <vector>

#include "data/manifest/manifest.h"
#include "data/options/source_options.h"
#include "data/options/tag_options.h"

namespace atelier {

struct DatasetOptions;

struct BuildOptions {
  TagOptions tags{};
  std::optional<int64_t> max_bad_samples{};  // null: max_bad_share says it
  double max_bad_share = 1;                  // of what was read
};

/// What of a dataset's options matters here.
BuildOptions build_options(const DatasetOptions& options);

struct BuiltManifest {
  Manifest manifest;
  std::vector<Quarantined> quarantined;
};

/// Reads all sources, in parallel, with progress; posts are put aside in the folder for temporary files, and nothing is
/// left there. Pictures that `previous` (may be nullptr) knows and that have not changed are not opened. The result
/// does not depend on the number of threads. Errors: ConfigError for a source that is not there; DataError when all are
/// empty, or too many samples are bad.
BuiltManifest build_manifest(const std::vector<SourceOptions>& sources, const Manifest* previous,
                             const BuildOptions& options = {});

/// The up-to-date manifest in `folder`, which is written if anything changed; as a whole or not at all. Where nothing
/// did, by sizes and times of the sources' files, nothing is read. Several processes may call it at once: they take
/// turns. ConfigError when there are no sources, or `folder` holds anything but a manifest: it would be replaced with
/// it. When too many samples are bad, their list is left in FOLDER.quarantine.jsonl.
Manifest refresh_manifest(const std::vector<SourceOptions>& sources, const std::filesystem::path& folder,
                          const BuildOptions& options = {});

}  // namespace atelier
