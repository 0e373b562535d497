#include "data/ingest/arrow_record.h"

#include <arrow/api.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "configs/base/error.h"

namespace atelier {
namespace {

constexpr int64_t kSecondsPerDay = 86400;
constexpr double kExact = 9007199254740992.0;  // whole numbers up to 2^53 are exact in a double

int64_t per_second(arrow::TimeUnit::type unit) {
  switch (unit) {
    case arrow::TimeUnit::SECOND: return 1;
    case arrow::TimeUnit::MILLI: return 1'000;
    case arrow::TimeUnit::MICRO: return 1'000'000;
    case arrow::TimeUnit::NANO: return 1'000'000'000;
  }
  return 1;
}

int64_t floor_divide(int64_t value, int64_t by) { return value / by - (value % by < 0); }

/// Texts of every width; nullopt for other types.
std::optional<std::string_view> text_at(const arrow::Array& array, int64_t row) {
  switch (array.type_id()) {
    case arrow::Type::STRING:
    case arrow::Type::BINARY: return static_cast<const arrow::BinaryArray&>(array).GetView(row);
    case arrow::Type::LARGE_STRING:
    case arrow::Type::LARGE_BINARY: return static_cast<const arrow::LargeBinaryArray&>(array).GetView(row);
    case arrow::Type::STRING_VIEW:
    case arrow::Type::BINARY_VIEW: return static_cast<const arrow::BinaryViewArray&>(array).GetView(row);
    default: return std::nullopt;
  }
}

/// The same, where texts are numbers of a dictionary, too.
std::optional<std::string_view> word_at(const arrow::Array& array, int64_t row) {
  if (array.type_id() != arrow::Type::DICTIONARY) return text_at(array, row);
  const auto& words = static_cast<const arrow::DictionaryArray&>(array);
  return text_at(*words.dictionary(), words.GetValueIndex(row));
}

/// Whole numbers of every width, also where gaps made them floating point; nullopt for other types.
std::optional<int64_t> number_at(const arrow::Array& array, int64_t row) {
  const auto whole = [](double number) -> int64_t {
    if (number != std::floor(number) || std::abs(number) > kExact) throw DataError("bad_value", std::to_string(number));
    return static_cast<int64_t>(number);
  };
  const auto small = [](uint64_t number) {
    if (number > INT64_MAX) throw DataError("bad_value", std::to_string(number));
    return static_cast<int64_t>(number);
  };
  switch (array.type_id()) {
    case arrow::Type::INT8: return static_cast<const arrow::Int8Array&>(array).Value(row);
    case arrow::Type::INT16: return static_cast<const arrow::Int16Array&>(array).Value(row);
    case arrow::Type::INT32: return static_cast<const arrow::Int32Array&>(array).Value(row);
    case arrow::Type::INT64: return static_cast<const arrow::Int64Array&>(array).Value(row);
    case arrow::Type::UINT8: return static_cast<const arrow::UInt8Array&>(array).Value(row);
    case arrow::Type::UINT16: return static_cast<const arrow::UInt16Array&>(array).Value(row);
    case arrow::Type::UINT32: return static_cast<const arrow::UInt32Array&>(array).Value(row);
    case arrow::Type::UINT64: return small(static_cast<const arrow::UInt64Array&>(array).Value(row));
    case arrow::Type::FLOAT: return whole(static_cast<const arrow::FloatArray&>(array).Value(row));
    case arrow::Type::DOUBLE: return whole(static_cast<const arrow::DoubleArray&>(array).Value(row));
    default: return std::nullopt;
  }
}

bool is_nan(const arrow::Array& array, int64_t row) {
  if (array.type_id() == arrow::Type::DOUBLE)
    return std::isnan(static_cast<const arrow::DoubleArray&>(array).Value(row));
  return array.type_id() == arrow::Type::FLOAT && std::isnan(static_cast<const arrow::FloatArray&>(array).Value(row));
}

/// Seconds since 1970 of dates and times; nullopt for other types.
std::optional<int64_t> time_at(const arrow::Array& array, int64_t row) {
  switch (array.type_id()) {
    case arrow::Type::TIMESTAMP: {
      const auto unit = static_cast<const arrow::TimestampType&>(*array.type()).unit();
      return floor_divide(static_cast<const arrow::TimestampArray&>(array).Value(row), per_second(unit));
    }
    case arrow::Type::DATE32: return static_cast<const arrow::Date32Array&>(array).Value(row) * kSecondsPerDay;
    case arrow::Type::DATE64: return floor_divide(static_cast<const arrow::Date64Array&>(array).Value(row), 1000);
    default: return std::nullopt;
  }
}

struct ListView {
  const arrow::Array* values = nullptr;
  int64_t begin = 0, end = 0;
};

/// nullopt for what is no list.
std::optional<ListView> list_at(const arrow::Array& array, int64_t row) {
  const auto view = [row](const auto& list) {
    return ListView{list.values().get(), list.value_offset(row), list.value_offset(row) + list.value_length(row)};
  };
  switch (array.type_id()) {
    case arrow::Type::LIST: return view(static_cast<const arrow::ListArray&>(array));
    case arrow::Type::LARGE_LIST: return view(static_cast<const arrow::LargeListArray&>(array));
    case arrow::Type::FIXED_SIZE_LIST: return view(static_cast<const arrow::FixedSizeListArray&>(array));
    default: return std::nullopt;
  }
}

/// A tag as {"name", "category"}.
void add_tag_object(PostColumn column, const arrow::StructArray& tags, int64_t row, PostRecord& record) {
  const auto names = tags.GetFieldByName("name");
  const auto categories = tags.GetFieldByName("category");
  const auto name = names && !names->IsNull(row) ? word_at(*names, row) : std::nullopt;
  if (!name || name->empty()) throw DataError("bad_value", "a tag without a name");
  if (!categories || categories->IsNull(row)) return record.add_tag(*name, category_of(column));
  std::optional<int64_t> number = number_at(*categories, row);
  if (const auto digits = text_at(*categories, row)) {
    number = -1;
    std::from_chars(digits->data(), digits->data() + digits->size(), *number);
  }
  record.add_tag(*name, site_category(number.value_or(-1)));
}

void read_list(PostColumn column, const ListView& list, PostRecord& record) {
  if (column == PostColumn::kFavCount) return record.set_number(column, list.end - list.begin);  // who likes it
  for (int64_t i = list.begin; i < list.end; ++i) {
    if (list.values->IsNull(i)) continue;
    if (const auto item = word_at(*list.values, i)) {
      record.add(column, *item);
    } else if (list.values->type_id() == arrow::Type::STRUCT && column >= PostColumn::kTags) {
      add_tag_object(column, static_cast<const arrow::StructArray&>(*list.values), i, record);
    } else if (const auto side = number_at(*list.values, i); side && column == PostColumn::kImageSize) {
      record.add(column, std::to_string(*side));
    } else {
      throw DataError("bad_value", "a list of " + list.values->type()->ToString());
    }
  }
}

void read_value(PostColumn column, const arrow::Array& array, int64_t row, PostRecord& record) {
  if (array.IsNull(row) || is_nan(array, row)) return;
  if (array.type_id() == arrow::Type::DICTIONARY) {
    const auto& words = static_cast<const arrow::DictionaryArray&>(array);
    return read_value(column, *words.dictionary(), words.GetValueIndex(row), record);
  }
  if (const auto value = text_at(array, row)) return record.set(column, *value);
  if (const auto list = list_at(array, row)) return read_list(column, *list, record);
  if (const auto time = time_at(array, row); time && column == PostColumn::kCreatedAt) return record.set_time(*time);
  if (array.type_id() == arrow::Type::BOOL) {
    return record.set_flag(column, static_cast<const arrow::BooleanArray&>(array).Value(row));
  }
  if (const auto number = number_at(array, row)) return record.set_number(column, *number);
  const bool decimal = arrow::is_decimal(array.type_id());
  const auto scalar = decimal ? array.GetScalar(row) : arrow::Result<std::shared_ptr<arrow::Scalar>>(nullptr);
  if (!decimal || !scalar.ok() || column >= PostColumn::kTags) {
    throw DataError("bad_value", "a column of " + array.type()->ToString());
  }
  record.set(column, (*scalar)->ToString());
}

constexpr std::string_view kMediaAsset = "media_asset", kPixelHash = "pixel_hash";

}  // namespace

ArrowRecords::ArrowRecords(std::shared_ptr<arrow::RecordBatch> batch) : batch_(std::move(batch)) {
  for (int i = 0; i < batch_->num_columns(); ++i) {
    const std::string& name = batch_->column_name(i);
    if (const auto meaning = post_column(name)) columns_.push_back({name, *meaning, batch_->column(i)});
    if (name != kMediaAsset || batch_->column(i)->type_id() != arrow::Type::STRUCT) continue;
    const auto flat = static_cast<const arrow::StructArray&>(*batch_->column(i)).Flatten();
    const auto& fields = batch_->column(i)->type()->fields();
    for (size_t f = 0; flat.ok() && f < fields.size(); ++f) {
      if (fields[f]->name() == kPixelHash) columns_.push_back({name, PostColumn::kPixelHash, (*flat)[f]});
    }
  }
}

bool ArrowRecords::uses(std::string_view column_path) {
  const std::string_view name = column_path.substr(0, std::min(column_path.find('.'), column_path.size()));
  if (name == kMediaAsset) return column_path.substr(name.size()) == "." + std::string(kPixelHash);
  return post_column(name).has_value();
}

PostRecord ArrowRecords::read(int64_t row) const {
  PostRecord record;
  for (const Column& column : columns_) {
    try {
      read_value(column.meaning, *column.values, row, record);
    } catch (const DataError& error) {
      throw DataError(error.summary(), column.name + (error.where().empty() ? "" : ": " + error.where()));
    }
  }
  return record;
}

}  // namespace atelier
