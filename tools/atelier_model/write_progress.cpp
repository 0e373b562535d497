#include "tools/atelier_model/write_progress.h"

#include "configs/base/interrupt.h"

namespace atelier {
namespace {

int64_t mebibytes(int64_t bytes) { return bytes >> 20; }

int64_t written_bytes(const std::vector<TensorSource>& tensors, std::optional<SafeDtype> dtype) {
  int64_t bytes = 0;
  for (const TensorSource& tensor : tensors) {
    int64_t count = 1;
    for (const int64_t side : tensor.shape) count *= side;
    const SafeDtype written = is_floating(tensor.dtype) ? dtype.value_or(tensor.dtype) : tensor.dtype;
    bytes += count * static_cast<int64_t>(safe_dtype_size(written));
  }
  return bytes;
}

int64_t written_bytes(const StoredPipeline& pipeline, std::optional<SafeDtype> dtype) {
  int64_t bytes = 0;
  for (const auto& [part, tensors] : pipeline.tensors) bytes += written_bytes(tensors, dtype);
  return bytes;
}

}  // namespace

WriteProgress::WriteProgress(std::string label, const std::vector<TensorSource>& tensors,
                             std::optional<SafeDtype> dtype)
    : progress_(std::move(label), mebibytes(written_bytes(tensors, dtype)), "MiB") {}

WriteProgress::WriteProgress(std::string label, const StoredPipeline& pipeline, std::optional<SafeDtype> dtype)
    : progress_(std::move(label), mebibytes(written_bytes(pipeline, dtype)), "MiB") {}

std::function<void(int64_t)> WriteProgress::counter() {
  return [this](int64_t bytes) {
    check_interrupted();
    const int64_t before = mebibytes(bytes_);
    bytes_ += bytes;
    progress_.advance(mebibytes(bytes_) - before);
  };
}

}  // namespace atelier
