// Hashes: XXH3-128 for identity of content (fast), SHA-256 and MD5 where others expect them (model
// files, picture sites).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace atelier {

/// Incremental XXH3-128, printed as 32 hex digits.
class ContentHasher {
 public:
  ContentHasher();
  ~ContentHasher();
  void update(std::string_view bytes);
  void update(std::span<const std::byte> bytes);
  /// Length first, then the bytes: two fields never run into one another.
  void update_field(std::string_view field);
  void update_number(int64_t number);
  std::string hex() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

std::string content_hash(std::string_view bytes);

/// Incremental SHA-256.
class Sha256Hasher {
 public:
  Sha256Hasher();
  ~Sha256Hasher();
  void update(std::span<const std::byte> bytes);
  /// 64 lower-case hex digits of everything so far; ends the hash.
  std::string hex();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Incremental MD5: no safety, but what picture sites know their files by.
class Md5Hasher {
 public:
  Md5Hasher();
  ~Md5Hasher();
  void update(std::span<const std::byte> bytes);
  /// 32 lower-case hex digits of everything so far; ends the hash.
  std::string hex();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// 64 lower-case hex digits.
std::string sha256_hex(std::span<const std::byte> bytes);

/// XXH3-64 of `bytes` with `seed`; stable for ever: plans and random streams are keyed by it.
uint64_t hash64(std::string_view bytes, uint64_t seed = 0);

}  // namespace atelier
