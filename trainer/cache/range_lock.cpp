#include "trainer/cache/range_lock.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>
#include <utility>

#include "configs/base/error.h"
#include "configs/base/interrupt.h"
#include "configs/base/text.h"

namespace atelier {
namespace {

struct flock lock_request(short type, LockRange range) {
  struct flock request {};
  request.l_type = type;
  request.l_whence = SEEK_SET;
  request.l_start = range.begin;
  request.l_len = range.length;
  return request;
}

}  // namespace

RangeLock::Hold::Hold(Hold&& other) noexcept : lock_(std::exchange(other.lock_, nullptr)), range_(other.range_) {}

RangeLock::Hold::~Hold() {
  if (!lock_) return;
  struct flock request = lock_request(F_UNLCK, range_);
  ::fcntl(lock_->descriptor_, F_OFD_SETLK, &request);
}

RangeLock::RangeLock(const std::filesystem::path& file) : file_(file) {
  descriptor_ = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (descriptor_ < 0) throw_errno("cannot write", file.string());
}

RangeLock::~RangeLock() { ::close(descriptor_); }

bool RangeLock::try_lock(short type, LockRange range) const {
  for (;;) {
    struct flock request = lock_request(type, range);
    if (::fcntl(descriptor_, F_OFD_SETLK, &request) == 0) return true;
    if (errno == EAGAIN || errno == EACCES) return false;
    if (errno == EINTR) continue;
    throw MachineError(text("cannot lock: ", std::strerror(errno)), file_.string(),
                       "put dataset.cache_dir on a file system with locks (NFS: with its lock service)");
  }
}

std::optional<RangeLock::Hold> RangeLock::try_exclusive(LockRange range) const {
  return try_lock(F_WRLCK, range) ? std::optional(Hold(*this, range)) : std::nullopt;
}

std::optional<RangeLock::Hold> RangeLock::try_shared(LockRange range) const {
  return try_lock(F_RDLCK, range) ? std::optional(Hold(*this, range)) : std::nullopt;
}

RangeLock::Hold RangeLock::exclusive(LockRange range) const {
  while (!try_lock(F_WRLCK, range)) {
    check_interrupted();
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return Hold(*this, range);
}

}  // namespace atelier
