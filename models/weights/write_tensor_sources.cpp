#include "models/weights/write_tensor_sources.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <deque>
#include <functional>
#include <future>
#include <utility>

#include "configs/base/hash.h"
#include "configs/base/text.h"
#include "configs/base/thread_pool.h"
#include "models/weights/weights.h"

namespace atelier {
namespace {

namespace fs = std::filesystem;

/// The type that `source` is written in.
SafeDtype written_dtype(const TensorSource& source, const std::optional<SafeDtype>& wanted) {
  const bool empty = std::find(source.shape.begin(), source.shape.end(), 0) != source.shape.end();
  return wanted && is_floating(source.dtype) && !empty ? *wanted : source.dtype;
}

/// Hands on the values of `source` as `dtype`, contiguous on the CPU: where they lie if they are that already, else
/// converted piece by piece, so that a piece is used while it is in the processor's cache. `file`: for errors.
void for_each_piece(const TensorSource& source, SafeDtype dtype, const fs::path& file,
                    const std::function<void(at::Tensor)>& use) {
  const at::Tensor values = source.read();
  const at::ScalarType type = scalar_type(dtype);
  if (values.scalar_type() == type && values.device().is_cpu() && values.is_contiguous()) return use(values);
  constexpr int64_t kPiece = int64_t{1} << 18;  // elements
  const at::Tensor flat = values.reshape({-1});
  for (int64_t begin = 0; begin < flat.numel(); begin += kPiece) {
    const int64_t count = std::min(kPiece, flat.numel() - begin);
    at::Tensor piece = at::empty({count}, type);
    copy_in_range(piece, flat.narrow(0, begin, count), text(file.string(), ": ", source.name));
    use(std::move(piece));
  }
}

/// Writes tensors on a thread of its own while the next ones are made.
class WriteBehind {
 public:
  explicit WriteBehind(SafetensorsWriter& writer) : writer_(writer) {}

  void write(at::Tensor piece) {
    submit([this, piece = std::move(piece)] { writer_.write(tensor_bytes(piece)); });
  }
  /// Calls `task` when everything before it has been written.
  void submit(std::function<void()> task) {
    constexpr size_t kMostPending = 3;  // what is made is held in memory
    if (pending_.size() == kMostPending) wait_for_one();
    pending_.push_back(thread_.submit(std::move(task)));
  }
  void finish() {
    while (!pending_.empty()) wait_for_one();
  }

 private:
  /// Throws what writing threw.
  void wait_for_one() {
    std::future<void> first = std::move(pending_.front());
    pending_.pop_front();
    first.get();
  }

  SafetensorsWriter& writer_;
  std::deque<std::future<void>> pending_;
  ThreadPool thread_{1};
};

/// "0x" and the SHA-256 of the data section that `sources` make.
std::string data_hash(const std::vector<TensorSource>& sources, const std::optional<SafeDtype>& dtype,
                      const fs::path& file) {
  Sha256Hasher hasher;
  for (const TensorSource& source : sources) {
    for_each_piece(source, written_dtype(source, dtype), file,
                   [&](const at::Tensor& piece) { hasher.update(tensor_bytes(piece)); });
    if (source.release) source.release();
  }
  return "0x" + hasher.hex();
}

}  // namespace

void write_tensor_sources(const fs::path& file, std::vector<TensorSource> sources, const WriteOptions& options) {
  const at::NoGradGuard no_grad;
  const auto dtype = [&](const TensorSource& source) { return written_dtype(source, options.dtype); };
  std::sort(sources.begin(), sources.end(), [&](const TensorSource& a, const TensorSource& b) {
    const size_t size_a = safe_dtype_size(dtype(a)), size_b = safe_dtype_size(dtype(b));
    return size_a != size_b ? size_a > size_b : a.name < b.name;
  });
  std::vector<SafeTensorInfo> infos;
  for (const TensorSource& source : sources) {
    infos.push_back({.name = source.name, .dtype = dtype(source), .shape = source.shape});
  }
  std::map<std::string, std::string> metadata = options.metadata;
  if (options.hash) metadata["modelspec.hash_sha256"] = data_hash(sources, options.dtype, file);
  SafetensorsWriter writer(file, std::move(infos), std::move(metadata));
  WriteBehind output(writer);
  for (const TensorSource& source : sources) {
    int64_t bytes = 0;
    for_each_piece(source, dtype(source), file, [&](at::Tensor piece) {
      bytes += static_cast<int64_t>(piece.nbytes());
      output.write(std::move(piece));
    });
    if (source.release) output.submit(source.release);
    if (options.on_tensor) options.on_tensor(bytes);
  }
  output.finish();
  writer.finish();
}

}  // namespace atelier
