#include "data/manifest/column_hash.h"

#include <arrow/api.h>

#include <span>
#include <stdexcept>

#include "configs/base/hash.h"
#include "data/manifest/posts_table.h"

namespace atelier {
namespace {

constexpr PostsColumn kSeen[] = {kIdColumn,       kSourceColumn,          kWidthColumn,      kHeightColumn,
                                 kFileSizeColumn, kCreatedAtColumn,       kRatingColumn,     kScoreColumn,
                                 kUpScoreColumn,  kDownScoreColumn,       kFavCountColumn,   kParentIdColumn,
                                 kMd5Column,      kDeletedColumn,         kBannedColumn,     kPendingColumn,
                                 kCaptionColumn,  kFurtherCaptionsColumn, kPersonClassColumn};

template <typename T>
void hash_values(std::span<const T> values, ContentHasher& hasher) {
  hasher.update_number(static_cast<int64_t>(values.size()));
  hasher.update(std::as_bytes(values));
}

/// Lengths, then contents, of texts or lists.
template <typename Array>
void hash_lengths(const Array& array, ContentHasher& hasher) {
  std::vector<int32_t> lengths(static_cast<size_t>(array.length()));
  for (int64_t i = 0; i < array.length(); ++i) lengths[static_cast<size_t>(i)] = array.value_length(i);
  hash_values(std::span<const int32_t>(lengths), hasher);
}

void hash_texts(const arrow::StringArray& array, ContentHasher& hasher) {
  hash_lengths(array, hasher);  // no text is empty without being null
  const int64_t begin = array.value_offset(0), end = array.value_offset(array.length());
  hasher.update(
      std::string_view(reinterpret_cast<const char*>(array.raw_data()) + begin, static_cast<size_t>(end - begin)));
}

/// Numbers, 0 where there is none, then which of them there are.
template <typename Array>
void hash_numbers(const Array& array, ContentHasher& hasher) {
  using Value = typename Array::value_type;
  std::vector<Value> values(array.raw_values(), array.raw_values() + array.length());
  std::vector<uint8_t> missing;
  for (int64_t i = 0; array.null_count() > 0 && i < array.length(); ++i) {
    missing.push_back(array.IsNull(i));
    if (array.IsNull(i)) values[static_cast<size_t>(i)] = 0;
  }
  hash_values(std::span<const Value>(values), hasher);
  hash_values(std::span<const uint8_t>(missing), hasher);
}

void hash_flags(const arrow::BooleanArray& array, ContentHasher& hasher) {
  std::vector<uint8_t> values;
  for (int64_t i = 0; i < array.length(); ++i) values.push_back(array.Value(i));
  hash_values(std::span<const uint8_t>(values), hasher);
}

void hash_column(const arrow::Array& array, ContentHasher& hasher) {
  switch (array.type_id()) {
    case arrow::Type::STRING: return hash_texts(static_cast<const arrow::StringArray&>(array), hasher);
    case arrow::Type::INT8: return hash_numbers(static_cast<const arrow::Int8Array&>(array), hasher);
    case arrow::Type::INT32: return hash_numbers(static_cast<const arrow::Int32Array&>(array), hasher);
    case arrow::Type::INT64: return hash_numbers(static_cast<const arrow::Int64Array&>(array), hasher);
    case arrow::Type::TIMESTAMP: return hash_numbers(static_cast<const arrow::TimestampArray&>(array), hasher);
    case arrow::Type::BOOL: return hash_flags(static_cast<const arrow::BooleanArray&>(array), hasher);
    case arrow::Type::DICTIONARY: {
      return hash_column(*static_cast<const arrow::DictionaryArray&>(array).indices(), hasher);
    }
    case arrow::Type::LIST: {
      const auto& lists = static_cast<const arrow::ListArray&>(array);
      hash_lengths(lists, hasher);
      const int64_t begin = lists.value_offset(0);
      return hash_column(*lists.values()->Slice(begin, lists.value_offset(lists.length()) - begin), hasher);
    }
    default: throw std::logic_error("a column of a type that posts have not");
  }
}

}  // namespace

std::string content_hash_of(const arrow::RecordBatch& batch) {
  ContentHasher hasher;
  for (const PostsColumn column : kSeen) hash_column(*batch.column(column), hasher);
  for (int column = kTagsColumn; column < kColumnCount; ++column) hash_column(*batch.column(column), hasher);
  return hasher.hex();
}

}  // namespace atelier
