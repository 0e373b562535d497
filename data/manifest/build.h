// From sources to a manifest.
#pragma once

#include <filesystem>
#include <vector>

#include "data/manifest/manifest.h"
#include "data/options/source_options.h"

namespace atelier {

struct BuiltManifest {
  Manifest manifest;
  std::vector<Quarantined> quarantined;
};

/// Reads all sources, in parallel, with progress. Pictures that `previous` (may be nullptr) knows and that have not
/// changed are not opened. Errors: ConfigError for a source that is not there; DataError when all are
/// empty.
BuiltManifest build_manifest(const std::vector<SourceOptions>& sources, const Manifest* previous);

/// The up-to-date manifest in `folder`, which is written if anything changed; as a whole or not at all. Several
/// processes may call it at once: they take turns. ConfigError when `folder` holds anything but a manifest: it would be
/// replaced with it.
Manifest refresh_manifest(const std::vector<SourceOptions>& sources, const std::filesystem::path& folder);

}  // namespace atelier
