#include "data/plan/numbering.h"

#include <algorithm>
#include <unordered_map>

#include "configs/base/thread_pool.h"

namespace atelier {
namespace {

constexpr int64_t kRowsPerPart = 1 << 16;

/// The keys of one part, numbered within it.
std::vector<uint64_t> number_part(std::span<const uint64_t> keys, std::span<uint32_t> numbers) {
  std::vector<uint64_t> distinct;
  std::unordered_map<uint64_t, uint32_t> number_of;
  for (size_t i = 0; i < keys.size(); ++i) {
    const auto [found, is_new] = number_of.try_emplace(keys[i], static_cast<uint32_t>(distinct.size()));
    if (is_new) distinct.push_back(keys[i]);
    numbers[i] = found->second;
  }
  return distinct;
}

}  // namespace

void for_row_parts(int64_t rows, const std::function<void(int64_t, int64_t)>& body) {
  parallel_for((rows + kRowsPerPart - 1) / kRowsPerPart, 0,
               [&](int64_t part) { body(part * kRowsPerPart, std::min(rows, (part + 1) * kRowsPerPart)); });
}

Numbering number_rows(int64_t rows, const std::function<void(int64_t, std::span<uint64_t>)>& fill) {
  Numbering all;
  all.number_of_row.resize(static_cast<size_t>(rows));
  std::vector<std::vector<uint64_t>> keys_of_part(static_cast<size_t>((rows + kRowsPerPart - 1) / kRowsPerPart));
  const auto numbers = [&](int64_t begin, int64_t end) {
    return std::span(all.number_of_row).subspan(static_cast<size_t>(begin), static_cast<size_t>(end - begin));
  };
  for_row_parts(rows, [&](int64_t begin, int64_t end) {
    std::vector<uint64_t> keys(static_cast<size_t>(end - begin));
    fill(begin, keys);
    keys_of_part[static_cast<size_t>(begin / kRowsPerPart)] = number_part(keys, numbers(begin, end));
  });
  std::unordered_map<uint64_t, uint32_t> number_of;
  std::vector<std::vector<uint32_t>> number_in_all(keys_of_part.size());
  for (size_t part = 0; part < keys_of_part.size(); ++part) {
    for (uint64_t key : keys_of_part[part]) {
      const auto [found, is_new] = number_of.try_emplace(key, static_cast<uint32_t>(all.keys.size()));
      if (is_new) all.keys.push_back(key);
      number_in_all[part].push_back(found->second);
    }
  }
  for_row_parts(rows, [&](int64_t begin, int64_t end) {
    const std::vector<uint32_t>& in_all = number_in_all[static_cast<size_t>(begin / kRowsPerPart)];
    for (uint32_t& number : numbers(begin, end)) number = in_all[number];
  });
  return all;
}

}  // namespace atelier
