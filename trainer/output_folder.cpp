#include "trainer/output_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>

#include "configs/base/error.h"

namespace atelier {
namespace fs = std::filesystem;

OutputFolderLock::OutputFolderLock(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  const fs::path file = folder / ".lock";
  descriptor_ = error ? -1 : ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (error) errno = error.value();
  if (descriptor_ < 0) throw_errno("cannot write the output folder", folder.string());
  if (::flock(descriptor_, LOCK_EX | LOCK_NB) == 0) return;
  const int reason = errno;
  ::close(descriptor_);
  errno = reason;
  if (reason != EWOULDBLOCK) throw_errno("cannot lock the output folder", folder.string());
  throw ConfigError("another run is writing this folder", folder.string(),
                    "wait for it, end it, or choose another output_dir");
}

OutputFolderLock::~OutputFolderLock() { ::close(descriptor_); }

bool holds_run(const fs::path& folder) {
  std::error_code absent;
  return fs::file_size(folder / "metrics.jsonl", absent) > 0 && !absent;
}

}  // namespace atelier
