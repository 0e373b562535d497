// sd-scripts' folders of folders: `<repeats>_<class tokens>`.
#pragma once

#include <vector>

#include "data/options/source_options.h"

namespace atelier {

/// Every source with `kohya_folders` becomes one source a subfolder named like "10_1girl lina": its repeats times 10,
/// class tokens "1girl lina", everything else as the source says. Other subfolders are left out with a warning, as
/// sd-scripts does. ConfigError if none is left.
void expand_kohya_folders(std::vector<SourceOptions>& sources);

}  // namespace atelier
