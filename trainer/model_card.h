// MODEL_CARD.md and credits.tsv: what a model was made of, written with every product.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "data/dataset.h"
#include "trainer/options/run_options.h"

namespace atelier {

/// Writes OUTPUT_DIR/credits.tsv (artist, posts, uses in the run) and OUTPUT_DIR/MODEL_CARD.md.
void write_model_card(const RunOptions& run, const Dataset& dataset, int64_t steps, int64_t trained_parameters);

/// modelspec.* and ss_* metadata of a product file (docs: research of readers' expectations in
/// docs/formats/product.md).
std::map<std::string, std::string> product_metadata(const RunOptions& run, const Dataset& dataset, int64_t steps,
                                                    const std::string& prediction_type);

}  // namespace atelier
