#include "data/files/picture_bytes.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "configs/base/error.h"
#include "configs/base/text.h"
#include "data/files/file_bytes.h"
#include "data/files/files.h"

namespace atelier {
namespace {

/// An open local file.
class Descriptor {
 public:
  explicit Descriptor(const std::string& path)
      : number_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {  // opening a pipe would wait
    if (number_ < 0) throw DataError(text("cannot open: ", std::strerror(errno)), path);
  }
  ~Descriptor() { ::close(number_); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int number() const { return number_; }

 private:
  int number_;
};

int64_t bytes_after(const Descriptor& file, int64_t offset, const std::string& path) {
  struct stat status;
  if (::fstat(file.number(), &status) != 0 || !S_ISREG(status.st_mode)) throw DataError("not a file", path);
  if (status.st_size < offset) throw DataError("the file ends before the picture", path);
  return status.st_size - offset;
}

PictureBytes remote_bytes(const std::string& path, int64_t offset, int64_t size) {
  try {
    const std::unique_ptr<FileBytes> file = open_file(path);
    const int64_t left = file->size() - offset;
    if (left < 0 || size > left) throw DataError("the file ends before the picture does", path);
    std::string buffer;
    const std::string_view read = file->read(offset, size > 0 ? size : left, buffer);
    PictureBytes picture(read.size());
    std::memcpy(picture.writable().data(), read.data(), read.size());
    return picture;
  } catch (const ConfigError& error) {
    throw DataError(error.summary(), path, error.hint());
  }
}

}  // namespace

PictureBytes picture_bytes(const std::string& path, int64_t offset, int64_t size) {
  if (is_remote(path)) return remote_bytes(path, offset, size);
  const Descriptor file(path);
  const int64_t left = bytes_after(file, offset, path);
  if (size > left) throw DataError("the file ends before the picture does", path);
  PictureBytes picture(static_cast<size_t>(size > 0 ? size : left));
  for (std::span<std::byte> rest = picture.writable(); !rest.empty();) {
    const ssize_t got = ::pread(file.number(), rest.data(), rest.size(), offset);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw DataError(text("cannot read: ", std::strerror(errno)), path);
    if (got == 0) throw DataError("the file ends before the picture does", path);
    rest = rest.subspan(static_cast<size_t>(got));
    offset += got;
  }
  return picture;
}

}  // namespace atelier
