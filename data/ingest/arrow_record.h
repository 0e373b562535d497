// A post out of a row of Arrow columns, whatever their types.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "data/ingest/post_record.h"

namespace arrow {
class Array;
class RecordBatch;
}  // namespace arrow

namespace atelier {

/// The columns of a record batch that mean something.
class ArrowRecords {
 public:
  explicit ArrowRecords(std::shared_ptr<arrow::RecordBatch> batch);

  /// To be finished while this lives. DataError "bad_value" (where: the column) for values that cannot be what the
  /// column's name says.
  PostRecord read(int64_t row) const;

  /// True for columns that read() uses, by their dotted path: "id", "tags.list.element.name", "media_asset.pixel_hash".
  static bool uses(std::string_view column_path);

 private:
  struct Column {
    std::string name;
    PostColumn meaning;
    std::shared_ptr<arrow::Array> values;
  };
  std::shared_ptr<arrow::RecordBatch> batch_;
  std::vector<Column> columns_;
};

}  // namespace atelier
