#include "configs/base/file_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>

#include "configs/base/error.h"
#include "configs/base/interrupt.h"

namespace atelier {

FileLock::FileLock(const std::filesystem::path& path) {
  if (path.has_parent_path()) std::filesystem::create_directories(path.parent_path());
  descriptor_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (descriptor_ < 0) throw_errno("cannot write", path.string());
  while (::flock(descriptor_, LOCK_EX) != 0) {
    if (errno != EINTR) {
      ::close(descriptor_);
      throw_errno("cannot lock", path.string());
    }
    check_interrupted();
  }
}

FileLock::~FileLock() { ::close(descriptor_); }

}  // namespace atelier
