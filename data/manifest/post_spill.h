// Record batches put aside on disk while the manifest is being made, so that posts are never all in memory.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>

namespace arrow {
class RecordBatch;
}

namespace atelier {

/// A nameless file: it is gone when the process ends, however it ends. Thread-safe.
class PostSpill {
 public:
  struct Place {
    int64_t offset = 0, size = 0;  // bytes
    int64_t rows = 0;
  };

  /// MachineError on a full disk, ConfigError when nothing can be written in `folder`.
  explicit PostSpill(const std::filesystem::path& folder);
  ~PostSpill();
  PostSpill(const PostSpill&) = delete;
  PostSpill& operator=(const PostSpill&) = delete;

  /// A batch of read_posts_schema().
  Place write(const arrow::RecordBatch& batch);
  std::shared_ptr<arrow::RecordBatch> read(const Place& place) const;

 private:
  std::filesystem::path folder_;
  int descriptor_ = -1;
  std::atomic<int64_t> end_{0};
};

}  // namespace atelier
