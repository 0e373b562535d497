// A .gz file read at any place of what it unpacks to.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "data/files/file_bytes.h"

namespace atelier {

/// Unpacks the file once when it is opened and remembers, every few MiB, all that unpacking needs to go on from there
/// (the method of zlib's example zran.c). A file of several members, one after another, is one text.
class GzipBytes : public FileBytes {
 public:
  /// ConfigError if `path` is no gzip file at all; one that is damaged or cut short counts up to there.
  GzipBytes(std::unique_ptr<FileBytes> packed, std::string path);

  int64_t size() const override { return size_; }
  std::string_view read(int64_t offset, int64_t size, std::string& buffer) const override;
  std::string_view damage() const override { return damage_; }

 private:
  struct Checkpoint {
    int64_t unpacked = 0, packed = 0;  // bytes before it
    int bits = 0;                      // of the byte before `packed`, that belong to what follows
    bool within_member = false;        // else a member's header follows
    std::string window;                // the last 32 KiB before it
  };

  std::unique_ptr<FileBytes> packed_;
  std::string path_;
  std::vector<Checkpoint> checkpoints_;
  int64_t size_ = 0;
  std::string damage_;

  class Unpacker;
};

}  // namespace atelier
