// The caption of one use of a manifest's row: what training sees and `dataset captions` shows.
#pragma once

#include <cstdint>
#include <string>

#include "data/manifest/manifest.h"
#include "data/options/caption_options.h"

namespace atelier {

/// `epoch` and `repeat` are the sample's own (data/plan/plan.h).
std::string sample_caption(const Manifest& manifest, int64_t row, const CaptionOptions& options, uint64_t seed,
                           int64_t epoch, int64_t repeat);

}  // namespace atelier
