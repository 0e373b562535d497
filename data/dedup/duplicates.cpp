#include "data/dedup/duplicates.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <mutex>

#include "data/dedup/components.h"
#include "data/dedup/near_pairs.h"

namespace atelier {
namespace {

constexpr int kCoarseDistance = 7;
constexpr double kAspectTolerance = 0.05;

using Hash128 = std::array<uint64_t, 2>;

/// Joins the pictures whose `hash` is known and equal.
void join_equal(std::span<const Fingerprint> pictures, Hash128 Fingerprint::* hash, Components& components) {
  std::vector<int64_t> order;
  for (int64_t i = 0; i < std::ssize(pictures); ++i) {
    if (pictures[static_cast<size_t>(i)].*hash != Hash128{}) order.push_back(i);
  }
  const auto hash_of = [&](int64_t i) -> const Hash128& { return pictures[static_cast<size_t>(i)].*hash; };
  std::ranges::sort(order, {}, hash_of);
  for (size_t i = 1; i < order.size(); ++i) {
    if (hash_of(order[i]) == hash_of(order[i - 1])) components.join(order[i - 1], order[i]);
  }
}

int fine_distance(const Fingerprint& a, const Fingerprint& b) {
  int bits = 0;
  for (size_t i = 0; i < a.fine.size(); ++i) bits += std::popcount(a.fine[i] ^ b.fine[i]);
  return bits;
}

struct NearPair {
  int64_t better, worse;
  int32_t distance;

  auto operator<=>(const NearPair&) const = default;
};

/// The near pairs of the pictures at `kept` (ascending), sorted.
std::vector<NearPair> near_pairs(std::span<const Fingerprint> pictures, const std::vector<int64_t>& kept,
                                 const DedupOptions& options) {
  std::vector<int64_t> compared;
  std::vector<uint64_t> coarse;
  for (const int64_t i : kept) {
    if (!pictures[static_cast<size_t>(i)].comparable) continue;
    compared.push_back(i);
    coarse.push_back(pictures[static_cast<size_t>(i)].coarse);
  }
  const int most = static_cast<int>(std::floor(options.threshold * 256));
  std::vector<NearPair> pairs;
  std::mutex mutex;
  for_each_near_pair(coarse, kCoarseDistance, [&](int64_t i, int64_t j) {
    const int64_t better = compared[static_cast<size_t>(i)], worse = compared[static_cast<size_t>(j)];
    const Fingerprint &a = pictures[static_cast<size_t>(better)], &b = pictures[static_cast<size_t>(worse)];
    const int bits = fine_distance(a, b);
    if (bits > most || std::abs(a.aspect / b.aspect - 1) > kAspectTolerance) return;
    if (options.keep_variants && a.family >= 0 && a.family == b.family) return;
    const std::lock_guard lock(mutex);
    pairs.push_back({better, worse, bits});
  });
  std::ranges::sort(pairs);
  return pairs;
}

}  // namespace

std::string_view duplicate_kind_name(DuplicateKind kind) {
  constexpr std::array<std::string_view, 3> kNames = {"md5", "pixels", "near"};
  return kNames[static_cast<size_t>(kind)];
}

std::vector<Duplicate> find_duplicates(std::span<const Fingerprint> pictures, const DedupOptions& options) {
  std::vector<Duplicate> duplicates;
  if (options.method == "none") return duplicates;
  Components components(std::ssize(pictures));
  join_equal(pictures, &Fingerprint::md5, components);
  join_equal(pictures, &Fingerprint::pixel_hash, components);
  std::vector<int64_t> kept;
  for (int64_t i = 0; i < std::ssize(pictures); ++i) {
    const int64_t first = components.first(i);
    if (first == i) {
      kept.push_back(i);
      continue;
    }
    const auto &one = pictures[static_cast<size_t>(i)], &other = pictures[static_cast<size_t>(first)];
    const bool same_file = one.md5 != Hash128{} && one.md5 == other.md5;
    duplicates.push_back({i, first, same_file ? DuplicateKind::kMd5 : DuplicateKind::kPixels});
  }
  if (options.method == "near") {
    std::vector<bool> gone(pictures.size());
    for (const NearPair& pair : near_pairs(pictures, kept, options)) {
      if (gone[static_cast<size_t>(pair.better)] || gone[static_cast<size_t>(pair.worse)]) continue;
      gone[static_cast<size_t>(pair.worse)] = true;
      duplicates.push_back({pair.worse, pair.better, DuplicateKind::kNear, pair.distance});
    }
    // Copies of a picture that another stands for: that one stands for them, too.
    std::vector<int64_t> stands(pictures.size(), -1);
    for (const Duplicate& each : duplicates) {
      if (each.kind == DuplicateKind::kNear) stands[static_cast<size_t>(each.index)] = each.kept;
    }
    for (Duplicate& each : duplicates) {
      if (const int64_t other = stands[static_cast<size_t>(each.kept)]; other >= 0) each.kept = other;
    }
  }
  std::ranges::sort(duplicates, {}, &Duplicate::index);
  return duplicates;
}

}  // namespace atelier
