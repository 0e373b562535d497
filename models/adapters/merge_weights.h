// Adapters merged into the weights of a pipeline as it lies on disk, tensor by tensor while it is written anew.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "configs/base/safetensors.h"
#include "models/adapters/adapter_file.h"
#include "models/weights/stored_pipeline.h"

namespace atelier {

/// Makes every weight of `pipeline` that an adapter of `file` belongs to read as the weight with the adapter in it,
/// computed in fp32. Several files are merged one after another, as they act in a model. Returns the adapters that have
/// no place in the pipeline, as the file names them. WeightsError where a shape does not fit: all are looked at now,
/// though nothing is kept of them.
std::vector<std::string> merge_adapters(StoredPipeline& pipeline, const std::shared_ptr<const AdapterFile>& file,
                                        double multiplier);

/// Makes every floating tensor of `pipeline` one of `dtype` (nullopt: of its own type), whose reading is a WeightsError
/// naming the tensor where a number is none or too large for the type.
void finish_merge(StoredPipeline& pipeline, std::optional<SafeDtype> dtype);

}  // namespace atelier
