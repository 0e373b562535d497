// The progress bar of the verbs that write models.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "configs/base/progress.h"
#include "models/weights/stored_pipeline.h"
#include "models/weights/tensor_source.h"

namespace atelier {

/// Counts what is written in MiB, of tensors that may be smaller than one, and lets an interrupt through between two.
class WriteProgress {
 public:
  /// `dtype`: WriteOptions::dtype.
  WriteProgress(std::string label, const std::vector<TensorSource>& tensors, std::optional<SafeDtype> dtype);
  WriteProgress(std::string label, const StoredPipeline& pipeline, std::optional<SafeDtype> dtype);

  /// For WriteOptions::on_tensor, while this lives.
  std::function<void(int64_t)> counter();

 private:
  Progress progress_;
  int64_t bytes_ = 0;
};

}  // namespace atelier
