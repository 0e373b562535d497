// A manifest that is not kept.
#include "data/manifest/build.h"

#include <stdlib.h>

#include "configs/base/error.h"
#include "data/manifest/manifest_builder.h"
#include "data/manifest/manifest_parts.h"
#include "data/options/dataset_options.h"

namespace atelier {
namespace {

namespace fs = std::filesystem;

/// A folder of its own among the temporary files, removed at the end.
class ScratchFolder {
 public:
  ScratchFolder() : path_((fs::temp_directory_path() / "atelier-XXXXXX").string()) {
    if (!::mkdtemp(path_.data())) throw_errno("cannot make a temporary folder", path_);
  }
  ~ScratchFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;

  fs::path path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace

BuildOptions build_options(const DatasetOptions& options) {
  return {options.tags, options.select.max_bad_samples, options.select.max_bad_share};
}

BuiltManifest build_manifest(const std::vector<SourceOptions>& sources, const Manifest* previous,
                             const BuildOptions& options) {
  const ScratchFolder folder;
  BuildResult result = build_into(folder.path(), sources, previous, TagRules(options.tags), options, std::nullopt);
  return {Manifest(folder.path()), std::move(result.quarantined)};  // mapped: its files may go
}

}  // namespace atelier
