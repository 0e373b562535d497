// Counter-based randomness: every draw is a pure function of (seed, stream, numbers...), so nothing has a state to
// save, and a plan, a resumed run and another number of GPUs draw the same. torch's generators are never used.
//
// The generator is Philox4x32-10 (Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3", SC 2011), as in
// Random123; the key is derived from the seed and the stream, the counter from the numbers.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string_view>

namespace atelier {

/// One block of Philox4x32-10.
std::array<uint32_t, 4> philox4x32(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key);

/// A 64-bit key of (seed, stream, numbers...). `stream` names what is drawn ("noise", "bucket order").
uint64_t random_key(uint64_t seed, std::string_view stream, std::initializer_list<uint64_t> numbers = {});

/// Draws i = 0, 1, 2 ... of one key; cheap to make, no state but the position.
class CounterRng {
 public:
  explicit CounterRng(uint64_t key) : key_(key) {}
  CounterRng(uint64_t seed, std::string_view stream, std::initializer_list<uint64_t> numbers)
      : key_(random_key(seed, stream, numbers)) {}

  /// 64 random bits at position `index`.
  uint64_t bits(uint64_t index) const;
  uint64_t next() { return bits(position_++); }
  /// In [0, 1), 53 bits.
  double uniform();
  /// In [0, n), without bias (Lemire's method). REQUIRES n > 0.
  uint64_t below(uint64_t n);
  /// Standard normal (Box-Muller in double; two draws a pair, the second kept for the next call).
  double normal();

 private:
  uint64_t key_;
  uint64_t position_ = 0;
  double spare_ = 0;
  bool has_spare_ = false;
};

/// `count` standard normal numbers of one key: out[i] depends on (key, i) alone, so any part of a tensor can be made by
/// anyone. One Philox block yields four (Box-Muller in double).
void fill_normal(uint64_t key, float* out, int64_t count);
/// Uniform in [low, high).
void fill_uniform(uint64_t key, float* out, int64_t count, float low, float high);

/// A keyed permutation of 0..n-1 in constant memory: position -> item in O(1), and back (a Feistel network over the
/// next even power of two, with cycle walking). What lets an epoch of ten million posts be ordered without a list.
class KeyedPermutation {
 public:
  KeyedPermutation(uint64_t n, uint64_t key);
  uint64_t size() const { return n_; }
  uint64_t operator()(uint64_t position) const;  // REQUIRES position < size()
  uint64_t inverse(uint64_t item) const;         // REQUIRES item < size()

 private:
  uint64_t n_, key_;
  unsigned half_bits_;
};

}  // namespace atelier
