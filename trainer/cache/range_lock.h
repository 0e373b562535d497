// Locks on parts of a file, between processes and between hosts that share a file system. The kernel frees what a
// killed process held.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

namespace atelier {

/// A part [begin, begin + length) of the space of locks.
struct LockRange {
  int64_t begin = 0, length = 1;
};

/// Open file description locks (fcntl F_OFD_SETLK): two RangeLocks of one process exclude one another as well.
class RangeLock {
 public:
  /// Holds a range while it lives. REQUIRES that its RangeLock outlives it.
  class Hold {
   public:
    Hold(Hold&& other) noexcept;
    Hold& operator=(Hold&&) = delete;
    ~Hold();

   private:
    friend class RangeLock;
    Hold(const RangeLock& lock, LockRange range) : lock_(&lock), range_(range) {}

    const RangeLock* lock_;
    LockRange range_;
  };

  /// Makes the file if it is not there. ConfigError when it cannot be written.
  explicit RangeLock(const std::filesystem::path& file);
  ~RangeLock();
  RangeLock(const RangeLock&) = delete;
  RangeLock& operator=(const RangeLock&) = delete;

  /// nullopt: somebody holds a part of it. MachineError where the file system has no locks.
  std::optional<Hold> try_exclusive(LockRange range) const;
  std::optional<Hold> try_shared(LockRange range) const;
  /// Waits; a signal ends the wait by its Error.
  Hold exclusive(LockRange range) const;

 private:
  bool try_lock(short type, LockRange range) const;

  std::filesystem::path file_;
  int descriptor_ = -1;
};

}  // namespace atelier
