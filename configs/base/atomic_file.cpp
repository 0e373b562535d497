#include "configs/base/atomic_file.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdio>
#include <fstream>
#include <optional>
#include <sstream>
#include <vector>

#include "configs/base/error.h"
#include "configs/base/text.h"

namespace atelier {
namespace fs = std::filesystem;
namespace {

constexpr std::string_view kMark = ".tmp-";

fs::path temporary_name(const fs::path& path) {
  return path.parent_path() / text(path.filename().string(), kMark, getpid());
}

fs::path parent_of(const fs::path& path) { return path.has_parent_path() ? path.parent_path() : fs::path("."); }

void sync_path(const fs::path& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) throw_errno("cannot open for syncing", path.string());
  const int result = ::fsync(descriptor);
  const int error = errno;
  ::close(descriptor);
  if (result != 0 && error != EINVAL) {  // some file systems cannot sync a folder
    errno = error;
    throw_errno("cannot write to disk", path.string());
  }
}

void rename_over(const fs::path& from, const fs::path& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) throw_errno("cannot rename into place", to.string());
  sync_path(parent_of(to));
}

/// Each takes the other's name, at once: at no moment there is nothing under `b`. False where the file system cannot.
bool exchange(const fs::path& a, const fs::path& b) {
  if (::renameat2(AT_FDCWD, a.c_str(), AT_FDCWD, b.c_str(), RENAME_EXCHANGE) != 0) {
    if (errno == EINVAL || errno == ENOSYS || errno == ENOTSUP) return false;
    throw_errno("cannot rename into place", b.string());
  }
  sync_path(parent_of(b));
  return true;
}

/// What `path` is a temporary of ("NAME" of "NAME.tmp-PID"), if its writer is another process that no longer lives.
std::optional<std::string> name_of_stale(const fs::path& path) {
  const std::string name = path.filename().string();
  const size_t mark = name.rfind(kMark);
  if (mark == std::string::npos) return std::nullopt;
  const std::string digits = name.substr(mark + kMark.size());
  pid_t writer = 0;
  const auto [end, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), writer);
  if (failed != std::errc() || end != digits.data() + digits.size() || writer <= 0) return std::nullopt;
  const bool is_dead = writer == getpid() || (::kill(writer, 0) != 0 && errno == ESRCH);
  return is_dead ? std::optional(name.substr(0, mark)) : std::nullopt;
}

template <typename Wanted>  // bool(const std::string& name)
void remove_stale(const fs::path& folder, Wanted wanted) {
  std::error_code error;
  std::vector<fs::path> stale;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, error)) {
    const std::optional<std::string> name = name_of_stale(entry.path());
    if (name && wanted(*name)) stale.push_back(entry.path());
  }
  for (const fs::path& path : stale) fs::remove_all(path, error);
}

/// What killed writers of the same file or folder left.
void remove_stale_of(const fs::path& path) {
  remove_stale(parent_of(path), [own = path.filename().string()](const std::string& name) { return name == own; });
}

}  // namespace

AtomicFile::AtomicFile(fs::path path) : path_(std::move(path)), temporary_(temporary_name(path_)) {
  remove_stale_of(path_);
  descriptor_ = ::open(temporary_.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (descriptor_ < 0) throw_errno("cannot write", path_.string());
}

AtomicFile::~AtomicFile() {
  if (descriptor_ < 0) return;
  ::close(descriptor_);
  ::unlink(temporary_.c_str());
}

void AtomicFile::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor_, bytes.data(), bytes.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      throw_errno("cannot write", path_.string());
    }
    bytes.remove_prefix(static_cast<size_t>(written));
    begin_writeback(static_cast<size_t>(written));
  }
}

void AtomicFile::begin_writeback(size_t written) {
  constexpr size_t kPiece = size_t{32} << 20;
  unsynced_ += written;
  if (unsynced_ < kPiece) return;
  // The disk begins at once, so that the sync of commit() need not wait for all of a large file. A hint: errors, such
  // as a file system that cannot, show in commit().
  const off_t end = ::lseek(descriptor_, 0, SEEK_CUR);
  if (end >= 0) ::sync_file_range(descriptor_, end - static_cast<off_t>(unsynced_), unsynced_, SYNC_FILE_RANGE_WRITE);
  unsynced_ = 0;
}

void AtomicFile::write(std::span<const std::byte> bytes) {
  write(std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
}

void AtomicFile::commit() {
  if (::fsync(descriptor_) != 0) throw_errno("cannot write to disk", path_.string());
  rename_over(temporary_, path_);
  ::close(descriptor_);
  descriptor_ = -1;
}

void write_file_atomically(const fs::path& path, std::string_view bytes) {
  AtomicFile file(path);
  file.write(bytes);
  file.commit();
}

AtomicFolder::AtomicFolder(fs::path path, bool replace)
    : path_(std::move(path)), temporary_(temporary_name(path_)), replace_(replace) {
  if (!replace_ && fs::exists(path_)) {
    throw ConfigError("the folder exists already", path_.string(), "choose another name, or remove it");
  }
  remove_stale_of(path_);
  std::error_code error;
  fs::create_directories(temporary_, error);
  if (error) {
    errno = error.value();
    throw_errno("cannot create folder", path_.string());
  }
}

AtomicFolder::~AtomicFolder() {
  if (committed_) return;
  std::error_code ignored;
  fs::remove_all(temporary_, ignored);
}

void AtomicFolder::commit() {
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(temporary_)) sync_path(entry.path());
  sync_path(temporary_);
  // rename() cannot replace a filled folder.
  fs::path old;
  if (replace_ && fs::exists(path_)) {
    if (exchange(temporary_, path_)) {
      old = temporary_;
    } else {
      old = parent_of(path_) / text(path_.filename().string(), ".old", kMark, getpid());
      fs::remove_all(old);
      fs::rename(path_, old);
    }
  }
  if (old != temporary_) rename_over(temporary_, path_);
  committed_ = true;
  if (!old.empty()) fs::remove_all(old);
}

void remove_stale_temporaries(const fs::path& folder) {
  remove_stale(folder, [](const std::string&) { return true; });
}

std::string read_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file || fs::is_directory(path)) {
    throw ConfigError(fs::exists(path) ? "cannot read the file" : "no such file", path.string());
  }
  std::ostringstream content;
  content << file.rdbuf();
  return std::move(content).str();
}

}  // namespace atelier
