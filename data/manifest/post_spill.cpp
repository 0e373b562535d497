#include "data/manifest/post_spill.h"

#include <arrow/api.h>
#include <arrow/io/api.h>
#include <arrow/ipc/api.h>
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "configs/base/error.h"
#include "configs/base/text.h"
#include "data/manifest/posts_table.h"

namespace atelier {
namespace {

/// Calls `transfer(done)`, which moves some bytes and returns how many, until `size` are moved.
template <typename Transfer>
void transfer_all(int64_t size, const std::filesystem::path& where, Transfer transfer) {
  for (int64_t done = 0; done < size;) {
    const ssize_t moved = transfer(done);
    if (moved < 0 && errno == EINTR) continue;
    if (moved == 0) errno = EIO;
    if (moved <= 0) throw_errno("cannot use a temporary file", where.string());
    done += moved;
  }
}

}  // namespace

PostSpill::PostSpill(const std::filesystem::path& folder) : folder_(folder) {
  const std::filesystem::path file = folder / "posts.spill";
  descriptor_ = ::open(file.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (descriptor_ < 0) throw_errno("cannot write", file.string());
  ::unlink(file.c_str());
}

PostSpill::~PostSpill() { ::close(descriptor_); }

PostSpill::Place PostSpill::write(const arrow::RecordBatch& batch) {
  const auto bytes = arrow::ipc::SerializeRecordBatch(batch, arrow::ipc::IpcWriteOptions::Defaults());
  if (!bytes.ok()) throw MachineError("the posts do not fit into memory: " + bytes.status().ToString());
  const int64_t size = (*bytes)->size();
  const Place place{end_.fetch_add(size), size, batch.num_rows()};
  transfer_all(size, folder_, [&](int64_t done) {
    return ::pwrite(descriptor_, (*bytes)->data() + done, static_cast<size_t>(size - done), place.offset + done);
  });
  return place;
}

std::shared_ptr<arrow::RecordBatch> PostSpill::read(const Place& place) const {
  auto buffer = arrow::AllocateBuffer(place.size);
  if (!buffer.ok()) throw MachineError("the posts do not fit into memory: " + buffer.status().ToString());
  transfer_all(place.size, folder_, [&](int64_t done) {
    return ::pread(descriptor_, (*buffer)->mutable_data() + done, static_cast<size_t>(place.size - done),
                   place.offset + done);
  });
  arrow::io::BufferReader reader(std::shared_ptr<arrow::Buffer>(std::move(*buffer)));
  const arrow::ipc::DictionaryMemo no_dictionaries;
  auto batch = arrow::ipc::ReadRecordBatch(read_posts_schema(), &no_dictionaries,
                                           arrow::ipc::IpcReadOptions::Defaults(), &reader);
  if (!batch.ok()) throw MachineError("a temporary file was damaged: " + batch.status().ToString(), folder_.string());
  return *std::move(batch);
}

}  // namespace atelier
