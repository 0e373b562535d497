// Posts that their site holds for variants of each other.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "data/manifest/manifest.h"

namespace atelier {

/// One number a row of `rows`: parents and children, over any number of generations and whether or not those between
/// them are among `rows` or have a row at all, have the same; -1: the post is alone. Only posts of one source are kin.
std::vector<int64_t> families_of(const Manifest& manifest, std::span<const int64_t> rows);

}  // namespace atelier
