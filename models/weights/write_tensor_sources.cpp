#include "models/weights/write_tensor_sources.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <deque>
#include <functional>
#include <future>
#include <memory>
#include <utility>

#include "configs/base/hash.h"
#include "configs/base/text.h"
#include "configs/base/thread_pool.h"
#include "models/weights/one_thread_each.h"
#include "models/weights/weights.h"

namespace atelier {
namespace {

namespace fs = std::filesystem;

/// The type that `source` is written in.
SafeDtype written_dtype(const TensorSource& source, const std::optional<SafeDtype>& wanted) {
  const bool empty = std::find(source.shape.begin(), source.shape.end(), 0) != source.shape.end();
  return wanted && is_floating(source.dtype) && !empty ? *wanted : source.dtype;
}

/// The values of `source` as `dtype`, contiguous on the CPU: where they lie if they are that already, else converted
/// piece by piece, so that each stays in the processor's cache meanwhile. `file`: for errors.
std::vector<at::Tensor> pieces_of(const TensorSource& source, SafeDtype dtype, const fs::path& file) {
  const at::Tensor values = source.read();
  const at::ScalarType type = scalar_type(dtype);
  if (values.scalar_type() == type && values.device().is_cpu() && values.is_contiguous()) return {values};
  constexpr int64_t kPiece = int64_t{1} << 18;  // elements
  const at::Tensor flat = values.reshape({-1});
  std::vector<at::Tensor> pieces;
  for (int64_t begin = 0; begin < flat.numel(); begin += kPiece) {
    const int64_t count = std::min(kPiece, flat.numel() - begin);
    pieces.push_back(at::empty({count}, type));
    copy_in_range(pieces.back(), flat.narrow(0, begin, count), text(file.string(), ": ", source.name));
  }
  return pieces;
}

/// Makes the pieces of tensors on threads of its own, some ahead of who uses them in order: as many as take kMostBytes
/// in their files, for tensors differ a thousandfold in size and the disk's speed changes from one moment to the next.
class MakeAhead {
 public:
  using Make = std::function<std::vector<at::Tensor>(const TensorSource&)>;

  MakeAhead(const std::vector<TensorSource>& sources, Make make) : sources_(sources), make_(std::move(make)) {
    start_more();
  }
  /// The pieces of the next tensor; throws what making them threw.
  std::vector<at::Tensor> next() {
    const std::unique_ptr<Made> first = std::move(ahead_.front());
    ahead_.pop_front();
    first->done.get();
    bytes_ahead_ -= first->bytes;
    start_more();
    return std::move(first->pieces);
  }

 private:
  struct Made {
    int64_t bytes = 0;
    std::vector<at::Tensor> pieces;
    std::future<void> done;
  };
  static constexpr int64_t kMostBytes = int64_t{192} << 20;
  static constexpr int kMostThreads = 8;

  void start_more() {
    for (; started_ < sources_.size() && (ahead_.empty() || bytes_ahead_ < kMostBytes); ++started_) {
      const TensorSource& source = sources_[started_];
      ahead_.push_back(std::make_unique<Made>());
      Made& made = *ahead_.back();
      bytes_ahead_ += made.bytes =
          c10::multiply_integers(source.shape) * static_cast<int64_t>(safe_dtype_size(source.dtype));
      made.done = threads_.submit([this, &made, &source] {
        const at::NoGradGuard no_grad;  // the mode is a thread's own
        made.pieces = make_(source);
      });
    }
  }

  const std::vector<TensorSource>& sources_;
  Make make_;
  size_t started_ = 0;
  int64_t bytes_ahead_ = 0;
  std::deque<std::unique_ptr<Made>> ahead_;
  OneThreadEach one_thread_each_;
  ThreadPool threads_{std::min(available_cores(), kMostThreads)};  // the last: it ends before what it writes to
};

/// Calls `use` with the pieces of each tensor, in order.
void for_each_made(const std::vector<TensorSource>& sources, const std::optional<SafeDtype>& dtype,
                   const fs::path& file,
                   const std::function<void(const TensorSource&, const std::vector<at::Tensor>&)>& use) {
  MakeAhead ahead(sources, [&](const TensorSource& source) {
    return pieces_of(source, written_dtype(source, dtype), file);
  });
  for (const TensorSource& source : sources) {
    use(source, ahead.next());
    if (source.release) source.release();
  }
}

/// "0x" and the SHA-256 of the data section that `sources` make.
std::string data_hash(const std::vector<TensorSource>& sources, const std::optional<SafeDtype>& dtype,
                      const fs::path& file) {
  Sha256Hasher hasher;
  for_each_made(sources, dtype, file, [&](const TensorSource&, const std::vector<at::Tensor>& pieces) {
    for (const at::Tensor& piece : pieces) hasher.update(tensor_bytes(piece));
  });
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
  for_each_made(sources, options.dtype, file, [&](const TensorSource&, const std::vector<at::Tensor>& pieces) {
    int64_t bytes = 0;
    for (const at::Tensor& piece : pieces) {
      writer.write(tensor_bytes(piece));
      bytes += static_cast<int64_t>(piece.nbytes());
    }
    if (options.on_tensor) options.on_tensor(bytes);
  });
  writer.finish();
}

}  // namespace atelier
