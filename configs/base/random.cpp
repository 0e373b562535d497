#include "configs/base/random.h"

#include <bit>
#include <cmath>
#include <numbers>

#include "configs/base/hash.h"

namespace atelier {
namespace {

/// SplitMix64's finaliser: a bijection of 64-bit numbers in which every input bit reaches every output bit.
uint64_t mix(uint64_t x) {
  x += 0x9E3779B97F4A7C15ull;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ull;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBull;
  return x ^ (x >> 31);
}

std::array<uint32_t, 4> block(uint64_t key, uint64_t index) {
  return philox4x32({static_cast<uint32_t>(index), static_cast<uint32_t>(index >> 32), 0, 0},
                    {static_cast<uint32_t>(key), static_cast<uint32_t>(key >> 32)});
}

/// (0, 1]: never 0, so that its logarithm is finite.
double unit_open(uint32_t bits) { return (static_cast<double>(bits) + 1.0) * 0x1p-32; }

/// Box-Muller: two normal numbers of two uniform ones.
std::array<double, 2> normal_pair(double u, double v) {
  const double radius = std::sqrt(-2.0 * std::log(u));
  const double angle = 2.0 * std::numbers::pi * v;
  return {radius * std::cos(angle), radius * std::sin(angle)};
}

}  // namespace

std::array<uint32_t, 4> philox4x32(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    const uint64_t first = uint64_t{0xD2511F53} * counter[0];
    const uint64_t second = uint64_t{0xCD9E8D57} * counter[2];
    counter = {static_cast<uint32_t>(second >> 32) ^ counter[1] ^ key[0], static_cast<uint32_t>(second),
               static_cast<uint32_t>(first >> 32) ^ counter[3] ^ key[1], static_cast<uint32_t>(first)};
    key[0] += 0x9E3779B9;
    key[1] += 0xBB67AE85;
  }
  return counter;
}

uint64_t random_key(uint64_t seed, std::string_view stream, std::initializer_list<uint64_t> numbers) {
  uint64_t key = mix(mix(seed) ^ hash64(stream));
  for (uint64_t number : numbers) key = mix(key ^ mix(number));
  return key;
}

uint64_t CounterRng::bits(uint64_t index) const {
  const auto words = block(key_, index >> 1);
  const size_t half = (index & 1) * 2;
  return static_cast<uint64_t>(words[half + 1]) << 32 | words[half];
}

double CounterRng::uniform() { return static_cast<double>(next() >> 11) * 0x1p-53; }

uint64_t CounterRng::below(uint64_t n) {
  while (true) {
    const unsigned __int128 product = static_cast<unsigned __int128>(next()) * n;
    const auto low = static_cast<uint64_t>(product);
    if (low >= n || low >= (0 - n) % n) return static_cast<uint64_t>(product >> 64);
  }
}

double CounterRng::normal() {
  if (has_spare_) {
    has_spare_ = false;
    return spare_;
  }
  const uint64_t u = next(), v = next();
  const auto pair = normal_pair(unit_open(static_cast<uint32_t>(u >> 32)), static_cast<double>(v >> 11) * 0x1p-53);
  spare_ = pair[1];
  has_spare_ = true;
  return pair[0];
}

void fill_normal(uint64_t key, float* out, int64_t count) {
  for (int64_t begin = 0; begin < count; begin += 4) {
    const auto words = block(key, static_cast<uint64_t>(begin) >> 2);
    const auto a = normal_pair(unit_open(words[0]), words[1] * 0x1p-32);
    const auto b = normal_pair(unit_open(words[2]), words[3] * 0x1p-32);
    const double four[4] = {a[0], a[1], b[0], b[1]};
    for (int64_t i = begin; i < count && i < begin + 4; ++i) out[i] = static_cast<float>(four[i - begin]);
  }
}

void fill_uniform(uint64_t key, float* out, int64_t count, float low, float high) {
  const double width = static_cast<double>(high) - low;
  for (int64_t begin = 0; begin < count; begin += 4) {
    const auto words = block(key, static_cast<uint64_t>(begin) >> 2);
    for (int64_t i = begin; i < count && i < begin + 4; ++i) {
      out[i] = static_cast<float>(low + width * (words[static_cast<size_t>(i - begin)] * 0x1p-32));
    }
  }
}

KeyedPermutation::KeyedPermutation(uint64_t n, uint64_t key) : n_(n), key_(key) {
  const unsigned bits = std::bit_width(n > 1 ? n - 1 : 1);
  half_bits_ = (bits + 1) / 2;
}

namespace {

constexpr int kRounds = 6;

uint64_t round_value(uint64_t key, int round, uint64_t half) {
  return mix(key + 0x632BE59BD9B4E019ull * static_cast<uint64_t>(round + 1) + half);
}

uint64_t feistel(uint64_t x, uint64_t key, unsigned half_bits, bool forward) {
  const uint64_t mask = (uint64_t{1} << half_bits) - 1;
  uint64_t left = x >> half_bits, right = x & mask;
  for (int i = 0; i < kRounds; ++i) {
    if (forward) {
      const uint64_t next = left ^ (round_value(key, i, right) & mask);
      left = right, right = next;
    } else {
      const uint64_t previous = right ^ (round_value(key, kRounds - 1 - i, left) & mask);
      right = left, left = previous;
    }
  }
  return left << half_bits | right;
}

}  // namespace

uint64_t KeyedPermutation::operator()(uint64_t position) const {
  uint64_t item = position;
  do item = feistel(item, key_, half_bits_, true);
  while (item >= n_);
  return item;
}

uint64_t KeyedPermutation::inverse(uint64_t item) const {
  uint64_t position = item;
  do position = feistel(position, key_, half_bits_, false);
  while (position >= n_);
  return position;
}

}  // namespace atelier
