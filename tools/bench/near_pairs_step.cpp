// Our half of tools/bench/near_pairs.py: pairs of hashes within 7 bits.
//
//   near-pairs-step FILE
//
// FILE holds the hashes as 64-bit numbers. Modes: pairs (how many there are).
#include <atomic>
#include <cstring>

#include "configs/base/atomic_file.h"
#include "data/dedup/near_pairs.h"
#include "tools/bench/serve.h"

namespace atelier {
namespace {

void run_near_pairs_bench(const std::vector<std::string>& arguments) {
  const std::string file = read_file(arguments[0]);
  std::vector<uint64_t> hashes(file.size() / sizeof(uint64_t));
  std::memcpy(hashes.data(), file.data(), hashes.size() * sizeof(uint64_t));
  serve(/*load_seconds=*/0, [&](const std::string&) {
    std::atomic<int64_t> pairs{0};
    for_each_near_pair(hashes, 7, [&](int64_t, int64_t) { ++pairs; });
    return static_cast<double>(pairs);
  });
}

}  // namespace
}  // namespace atelier

int main(int argc, char** argv) {
  return atelier::bench_main(argc, argv, 1, 1, "near-pairs-step FILE", atelier::run_near_pairs_bench);
}
