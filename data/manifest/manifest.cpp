#include "data/manifest/manifest.h"

#include <arrow/api.h>
#include <sys/mman.h>
#include <unistd.h>

#include "data/ingest/timestamp.h"
#include "data/manifest/manifest_parts.h"
#include "data/manifest/posts_table.h"

namespace atelier {
namespace {

/// One record batch with its columns' true types.
struct Columns {
  explicit Columns(const arrow::RecordBatch& batch) : arrays(batch.columns()) {}

  template <typename Array>
  const Array& as(int column) const {
    return static_cast<const Array&>(*arrays[static_cast<size_t>(column)]);
  }
  std::string_view string(int column, int64_t i) const { return as<arrow::StringArray>(column).GetView(i); }
  int32_t integer(int column, int64_t i) const { return as<arrow::Int32Array>(column).Value(i); }
  std::optional<int32_t> optional(int column, int64_t i) const {
    return as<arrow::Int32Array>(column).IsNull(i) ? std::nullopt : std::optional(integer(column, i));
  }
  bool flag(int column, int64_t i) const { return as<arrow::BooleanArray>(column).Value(i); }
  template <typename Enum>
  Enum word(int column, int64_t i) const {
    const auto& words = as<arrow::DictionaryArray>(column);
    return words.IsNull(i) ? Enum{} : static_cast<Enum>(words.GetValueIndex(i));
  }

  template <typename T, typename Array>
  std::span<const T> plain(int column) const {
    const auto& array = as<Array>(column);
    return {array.raw_values(), static_cast<size_t>(array.length())};
  }
  std::span<const int8_t> word_numbers(int column) const {
    const auto& indices = static_cast<const arrow::Int8Array&>(*as<arrow::DictionaryArray>(column).indices());
    return {indices.raw_values(), static_cast<size_t>(indices.length())};
  }
  template <typename T, typename Array>
  OptionalColumn<T> optionals(int column) const {
    const auto& array = as<Array>(column);
    return {plain<T, Array>(column), array.null_bitmap_data(), array.offset()};
  }
  TagColumn tags(int column) const {
    const auto& lists = as<arrow::ListArray>(column);
    return {{lists.raw_value_offsets(), static_cast<size_t>(lists.length()) + 1},
            static_cast<const arrow::Int32Array&>(*lists.values()).raw_values()};
  }

  arrow::ArrayVector arrays;
};

/// The whole pages within [begin, begin + size) leave memory; what they map stays where it is.
void drop_pages(const uint8_t* begin, int64_t size) {
  const auto page = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
  const uintptr_t first = (reinterpret_cast<uintptr_t>(begin) + page - 1) / page * page;
  const uintptr_t last = (reinterpret_cast<uintptr_t>(begin) + static_cast<uintptr_t>(size)) / page * page;
  if (first < last) ::madvise(reinterpret_cast<void*>(first), last - first, MADV_DONTNEED);
}

void drop_pages(const arrow::ArrayData& data) {
  for (const auto& buffer : data.buffers) {
    if (buffer) drop_pages(buffer->data(), buffer->size());
  }
  for (const auto& child : data.child_data) drop_pages(*child);
}

}  // namespace

struct Manifest::State {
  ManifestParts parts;
  std::vector<Columns> batches;
  int64_t rows = 0;

  explicit State(ManifestParts content) : parts(std::move(content)) {
    for (const auto& batch : parts.batches) {
      batches.emplace_back(*batch);
      rows += batch->num_rows();
    }
  }
  const Columns& at(int64_t row) const { return batches[static_cast<size_t>(row / kRowsPerBatch)]; }
};

namespace {

int64_t within(int64_t row) { return row % kRowsPerBatch; }

}  // namespace

Manifest::Manifest(const std::filesystem::path& folder) : Manifest(map_manifest(folder)) {}
Manifest::Manifest(ManifestParts parts) : state_(std::make_unique<State>(std::move(parts))) {}
Manifest::~Manifest() = default;
Manifest::Manifest(Manifest&&) noexcept = default;
Manifest& Manifest::operator=(Manifest&&) noexcept = default;

int64_t Manifest::size() const { return state_->rows; }
const ManifestSummary& Manifest::summary() const { return state_->parts.summary; }
const TagDictionary& Manifest::dictionary() const { return state_->parts.tags; }
const ManifestParts& Manifest::parts() const { return state_->parts; }

int64_t Manifest::batch_count() const { return static_cast<int64_t>(state_->batches.size()); }

ManifestBatch Manifest::batch(int64_t index) const {
  const Columns& columns = state_->batches[static_cast<size_t>(index)];
  ManifestBatch batch;
  batch.first_row = index * kRowsPerBatch;
  batch.rows = columns.arrays[kIdColumn]->length();
  batch.source = columns.plain<int32_t, arrow::Int32Array>(kSourceColumn);
  batch.width = columns.plain<int32_t, arrow::Int32Array>(kWidthColumn);
  batch.height = columns.plain<int32_t, arrow::Int32Array>(kHeightColumn);
  batch.format = columns.word_numbers(kFormatColumn);
  batch.rating = columns.word_numbers(kRatingColumn);
  batch.person_class = columns.word_numbers(kPersonClassColumn);
  batch.group_size = columns.word_numbers(kGroupSizeColumn);
  batch.created_at = columns.optionals<int64_t, arrow::TimestampArray>(kCreatedAtColumn);
  batch.score = columns.optionals<int32_t, arrow::Int32Array>(kScoreColumn);
  batch.fav_count = columns.optionals<int32_t, arrow::Int32Array>(kFavCountColumn);
  for (int c = 0; c < kTagCategoryCount; ++c) batch.tags[static_cast<size_t>(c)] = columns.tags(kTagsColumn + c);
  return batch;
}

void Manifest::release(int64_t batch) const {
  for (const auto& array : state_->batches[static_cast<size_t>(batch)].arrays) drop_pages(*array->data());
}

std::string_view Manifest::id(int64_t row) const { return state_->at(row).string(kIdColumn, within(row)); }
int32_t Manifest::source(int64_t row) const { return state_->at(row).integer(kSourceColumn, within(row)); }
std::string_view Manifest::path(int64_t row) const { return state_->at(row).string(kPathColumn, within(row)); }
int32_t Manifest::width(int64_t row) const { return state_->at(row).integer(kWidthColumn, within(row)); }
int32_t Manifest::height(int64_t row) const { return state_->at(row).integer(kHeightColumn, within(row)); }
ImageFormat Manifest::format(int64_t row) const {
  return state_->at(row).word<ImageFormat>(kFormatColumn, within(row));
}
bool Manifest::animated(int64_t row) const { return state_->at(row).flag(kAnimatedColumn, within(row)); }
bool Manifest::truncated(int64_t row) const { return state_->at(row).flag(kTruncatedColumn, within(row)); }

int64_t Manifest::file_offset(int64_t row) const {
  return state_->at(row).as<arrow::Int64Array>(kFileOffsetColumn).Value(within(row));
}

int64_t Manifest::file_size(int64_t row) const {
  return state_->at(row).as<arrow::Int64Array>(kFileSizeColumn).Value(within(row));
}

int64_t Manifest::file_modified_ns(int64_t row) const {
  return state_->at(row).as<arrow::Int64Array>(kFileModifiedColumn).Value(within(row));
}

std::optional<int64_t> Manifest::created_at(int64_t row) const {
  const auto& times = state_->at(row).as<arrow::TimestampArray>(kCreatedAtColumn);
  return times.IsNull(within(row)) ? std::nullopt : std::optional(times.Value(within(row)));
}

std::optional<int32_t> Manifest::year(int64_t row) const {
  const std::optional<int64_t> time = created_at(row);
  return time ? std::optional(year_of(*time)) : std::nullopt;
}

Rating Manifest::rating(int64_t row) const { return state_->at(row).word<Rating>(kRatingColumn, within(row)); }
std::optional<int32_t> Manifest::score(int64_t row) const {
  return state_->at(row).optional(kScoreColumn, within(row));
}

std::optional<int32_t> Manifest::up_score(int64_t row) const {
  return state_->at(row).optional(kUpScoreColumn, within(row));
}

std::optional<int32_t> Manifest::down_score(int64_t row) const {
  return state_->at(row).optional(kDownScoreColumn, within(row));
}

std::optional<int32_t> Manifest::fav_count(int64_t row) const {
  return state_->at(row).optional(kFavCountColumn, within(row));
}

std::string_view Manifest::parent_id(int64_t row) const { return state_->at(row).string(kParentIdColumn, within(row)); }
std::string_view Manifest::md5(int64_t row) const { return state_->at(row).string(kMd5Column, within(row)); }
std::string_view Manifest::pixel_hash(int64_t row) const {
  return state_->at(row).string(kPixelHashColumn, within(row));
}

std::string_view Manifest::source_url(int64_t row) const {
  return state_->at(row).string(kSourceUrlColumn, within(row));
}

bool Manifest::is_deleted(int64_t row) const { return state_->at(row).flag(kDeletedColumn, within(row)); }
bool Manifest::is_banned(int64_t row) const { return state_->at(row).flag(kBannedColumn, within(row)); }
bool Manifest::is_pending(int64_t row) const { return state_->at(row).flag(kPendingColumn, within(row)); }

int64_t Manifest::further_captions(int64_t row) const {
  return state_->at(row).as<arrow::ListArray>(kFurtherCaptionsColumn).value_length(within(row));
}

std::string_view Manifest::further_caption(int64_t row, int64_t index) const {
  const auto& lists = state_->at(row).as<arrow::ListArray>(kFurtherCaptionsColumn);
  return static_cast<const arrow::StringArray&>(*lists.values()).GetView(lists.value_offset(within(row)) + index);
}

std::string_view Manifest::caption(int64_t row) const { return state_->at(row).string(kCaptionColumn, within(row)); }

PersonLabel Manifest::person(int64_t row) const {
  const Columns& columns = state_->at(row);
  const int64_t i = within(row);
  return {columns.word<PersonClass>(kPersonClassColumn, i), columns.word<GroupSize>(kGroupSizeColumn, i),
          columns.flag(kInferredColumn, i), columns.flag(kConflictColumn, i)};
}

std::span<const int32_t> Manifest::tags(int64_t row, TagCategory category) const {
  const auto& lists = state_->at(row).as<arrow::ListArray>(kTagsColumn + static_cast<int>(category));
  const int64_t i = within(row);
  const auto& values = static_cast<const arrow::Int32Array&>(*lists.values());
  return {values.raw_values() + lists.value_offset(i), static_cast<size_t>(lists.value_length(i))};
}

}  // namespace atelier
