// The manifest on disk: read what is there, build, write what changed.
#include <algorithm>
#include <array>
#include <optional>

#include "configs/base/atomic_file.h"
#include "configs/base/error.h"
#include "configs/base/file_lock.h"
#include "configs/base/log.h"
#include "data/files/files.h"
#include "data/manifest/build.h"
#include "data/manifest/manifest_builder.h"
#include "data/manifest/manifest_parts.h"

namespace atelier {
namespace {

namespace fs = std::filesystem;

/// The folder is replaced as a whole, so it must hold nothing but a manifest: ConfigError otherwise.
void require_own_folder(const fs::path& folder) {
  if (!fs::exists(folder)) return;
  const std::string hint = "give dataset.manifest_dir a folder of its own";
  if (!fs::is_directory(folder)) throw ConfigError("a file stands where the manifest belongs", folder.string(), hint);
  constexpr std::array kOwn = {kPostsFile, kTagsFile, kManifestFile, kQuarantineFile};
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (std::ranges::find(kOwn, name) != kOwn.end()) continue;
    throw ConfigError("the manifest's folder holds other files: " + name, folder.string(), hint);
  }
}

/// Previews would become training pictures, and the source would change with every run.
void warn_of_own_folder(const std::vector<SourceOptions>& sources, const fs::path& folder) {
  for (const SourceOptions& source : sources) {
    const fs::path from_source = is_remote(source.path) ? "" : folder.lexically_relative(absolute_path(source.path));
    if (from_source.empty() || *from_source.begin() == ".." || is_hidden(from_source.string())) continue;
    log_warning("the source ", source.path, " holds the run's own folder ", folder.parent_path().string(),
                ": what is written there is read as part of it; give the run another output_dir");
  }
}

std::optional<Manifest> open_previous(const fs::path& folder) {
  if (!fs::exists(folder)) return std::nullopt;
  try {
    return Manifest(folder);
  } catch (const DataError& error) {
    log_warning("the manifest in ", folder.string(), " is built anew: ", error.summary());
    return std::nullopt;
  }
}

/// True if nothing changed that the manifest depends on.
bool is_current(const Manifest& manifest, const std::vector<SourceOptions>& sources, const TagRules& rules) {
  const ManifestParts& parts = manifest.parts();
  if (parts.rules_state != rules_state(rules) || parts.source_states.size() != sources.size()) return false;
  for (size_t i = 0; i < sources.size(); ++i) {
    const SourceState& then = parts.source_states[i];
    if (then.hash.empty() || then.hash != source_state(sources[i], then.picture_folders, INT64_MAX).hash) return false;
  }
  return true;
}

}  // namespace

Manifest refresh_manifest(const std::vector<SourceOptions>& sources, const fs::path& wanted,
                          const BuildOptions& options) {
  if (sources.empty()) {
    throw ConfigError("no sources", "dataset.sources", "name a folder of pictures or a posts file");
  }
  fs::path folder = fs::absolute(wanted).lexically_normal();
  if (!folder.has_filename()) folder = folder.parent_path();  // "runs/lina/manifest/"
  require_own_folder(folder);
  warn_of_own_folder(sources, folder);
  const FileLock lock(folder.string() + ".lock");
  const TagRules rules(options.tags);
  const std::optional<Manifest> previous = open_previous(folder);
  if (previous && is_current(*previous, sources, rules)) {
    check_bad_samples(previous->summary().total(), options, folder / kQuarantineFile);
    return Manifest(folder);
  }

  AtomicFolder output(folder, /*replace=*/true);
  build_into(output.temporary_path(), sources, previous ? &*previous : nullptr, rules, options,
             folder.string() + ".quarantine.jsonl");
  output.commit();
  std::error_code ignored;
  fs::remove(folder.string() + ".quarantine.jsonl", ignored);  // of an earlier build that gave up
  log_info("manifest: ", folder.string());
  return Manifest(folder);
}

}  // namespace atelier
