// Rows gathered by key, on all cores.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace atelier {

/// Different keys, numbered in the order in which they first appear - whatever the number of threads.
struct Numbering {
  std::vector<uint64_t> keys;  // by number
  std::vector<uint32_t> number_of_row;
};

/// `fill(begin, keys)` writes the keys of rows begin, begin + 1 ...; called for parts of the rows on several threads.
/// REQUIRES fewer than 2^32 rows.
Numbering number_rows(int64_t rows, const std::function<void(int64_t begin, std::span<uint64_t> keys)>& fill);

/// Calls `body(begin, end)` for parts of [0, rows), the same ones whatever the number of threads.
void for_row_parts(int64_t rows, const std::function<void(int64_t begin, int64_t end)>& body);

}  // namespace atelier
