#include "data/files/gzip_bytes.h"

#include <zlib.h>

#include <algorithm>
#include <utility>

#include "configs/base/error.h"
#include "configs/base/interrupt.h"

namespace atelier {
namespace {

constexpr int64_t kBetweenCheckpoints = 8 << 20;
constexpr int64_t kInputBytes = 256 << 10;
constexpr size_t kWindow = 32 << 10;
constexpr int kRaw = -15, kGzip = 31;  // zlib's window bits: without and with the gzip header
constexpr int64_t kTrailer = 8;        // length and checksum behind a member

}  // namespace

/// Unpacks from a checkpoint on.
class GzipBytes::Unpacker {
 public:
  Unpacker(const FileBytes& packed, const Checkpoint& from) : packed_(packed), position_(from.packed) {
    raw_ = from.within_member;
    if (inflateInit2(&stream_, raw_ ? kRaw : kGzip) != Z_OK) throw MachineError("out of memory while unpacking");
    if (!raw_) return;
    if (from.bits > 0) {
      std::string buffer;
      const auto before = static_cast<unsigned char>(packed_.read(position_ - 1, 1, buffer).at(0));
      inflatePrime(&stream_, from.bits, before >> (8 - from.bits));
    }
    inflateSetDictionary(&stream_, reinterpret_cast<const Bytef*>(from.window.data()),
                         static_cast<uInt>(from.window.size()));
  }
  ~Unpacker() { inflateEnd(&stream_); }
  Unpacker(const Unpacker&) = delete;
  Unpacker& operator=(const Unpacker&) = delete;

  /// Fills `out` as far as the text goes; with `stop_at_blocks` returns early where a checkpoint could be.
  size_t unpack(std::span<char> out, bool stop_at_blocks) {
    stream_.next_out = reinterpret_cast<Bytef*>(out.data());
    stream_.avail_out = static_cast<uInt>(out.size());
    while (stream_.avail_out > 0 && !ended_) {
      if (stream_.avail_in == 0 && !refill()) break;
      const int result = inflate(&stream_, stop_at_blocks ? Z_BLOCK : Z_NO_FLUSH);
      if (result == Z_STREAM_END)
        next_member();
      else if (result != Z_OK && result != Z_BUF_ERROR)
        fail(stream_.msg ? stream_.msg : "not packed as gzip says");
      else if (stop_at_blocks && at_block())
        break;
    }
    return out.size() - stream_.avail_out;
  }

  bool ended() const { return ended_; }
  const std::string& damage() const { return damage_; }

  bool at_block() const { return (stream_.data_type & 128) && !(stream_.data_type & 64); }
  Checkpoint checkpoint(int64_t unpacked) const {
    Checkpoint here{unpacked, position_ - stream_.avail_in, stream_.data_type & 7, true, std::string(kWindow, '\0')};
    uInt length = 0;
    inflateGetDictionary(const_cast<z_stream*>(&stream_), reinterpret_cast<Bytef*>(here.window.data()), &length);
    here.window.resize(length);
    return here;
  }

 private:
  bool refill() {
    const std::string_view input = packed_.read(position_, kInputBytes, buffer_);
    if (input.empty()) {
      fail("cut short");
      return false;
    }
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(input.data()));
    stream_.avail_in = static_cast<uInt>(input.size());
    position_ += static_cast<int64_t>(input.size());
    return true;
  }

  /// What follows the member's end: another one, or nothing (padding with zeros is nothing).
  void next_member() {
    int64_t next = position_ - stream_.avail_in + (raw_ ? kTrailer : 0);
    std::string buffer;
    if (!packed_.read(next, 2, buffer).starts_with("\x1f\x8b")) {
      ended_ = true;
      return;
    }
    position_ = next;
    stream_.avail_in = 0;
    raw_ = false;
    inflateReset2(&stream_, kGzip);
  }

  void fail(std::string why) {
    ended_ = true;
    damage_ = std::move(why);
  }

  const FileBytes& packed_;
  int64_t position_;  // of the packed bytes not yet handed to zlib
  z_stream stream_{};
  std::string buffer_, damage_;
  bool raw_ = false, ended_ = false;
};

GzipBytes::GzipBytes(std::unique_ptr<FileBytes> packed, std::string path)
    : packed_(std::move(packed)), path_(std::move(path)) {
  checkpoints_.push_back({});
  Unpacker unpacker(*packed_, checkpoints_.front());
  std::string out(kInputBytes, '\0');
  while (!unpacker.ended()) {
    size_ += static_cast<int64_t>(unpacker.unpack(out, true));
    const bool far = size_ - checkpoints_.back().unpacked >= kBetweenCheckpoints;
    if (!far || unpacker.ended() || !unpacker.at_block()) continue;
    check_interrupted();
    checkpoints_.push_back(unpacker.checkpoint(size_));
  }
  damage_ = unpacker.damage();
  if (size_ == 0 && !damage_.empty()) throw ConfigError("no gzip file: " + damage_, path_);
}

std::string_view GzipBytes::read(int64_t offset, int64_t size, std::string& buffer) const {
  size = std::clamp<int64_t>(size_ - offset, 0, size);
  if (size == 0) return {};
  const auto after = std::ranges::upper_bound(checkpoints_, offset, {}, &Checkpoint::unpacked);
  const Checkpoint& from = *std::prev(after);
  const int64_t skip = offset - from.unpacked;
  buffer.resize(static_cast<size_t>(std::max(size, std::min<int64_t>(skip, kInputBytes))));
  Unpacker unpacker(*packed_, from);
  for (int64_t left = skip; left > 0 && !unpacker.ended();) {
    const auto step = static_cast<size_t>(std::min<int64_t>(left, kInputBytes));
    left -= static_cast<int64_t>(unpacker.unpack(std::span(buffer).first(step), false));
  }
  const size_t got = unpacker.unpack(std::span(buffer).first(static_cast<size_t>(size)), false);
  if (got < static_cast<size_t>(size)) throw DataError("the file changed while it was read", path_);
  return std::string_view(buffer).substr(0, got);
}

}  // namespace atelier
