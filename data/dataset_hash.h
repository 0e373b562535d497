// One hash for what a run sees: equal hashes, equal samples.
#pragma once

#include <string>

#include "data/manifest/manifest.h"
#include "data/options/dataset_options.h"
#include "data/select/select.h"

namespace atelier {

/// Of the manifest's content, the rows selected, and the options that change what is seen of them. Files that options
/// name count by their content, not by their place; the pictures of a mask_dir are not read for it.
std::string dataset_hash(const Manifest& manifest, const Selection& selection, const DatasetOptions& options);

}  // namespace atelier
