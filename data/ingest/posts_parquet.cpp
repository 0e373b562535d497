#include "data/ingest/posts_parquet.h"

#include <arrow/api.h>
#include <arrow/io/interfaces.h>
#include <parquet/api/reader.h>
#include <parquet/arrow/reader.h>
#include <parquet/exception.h>

#include <algorithm>
#include <mutex>

#include "configs/base/error.h"
#include "configs/base/text.h"
#include "data/files/files.h"
#include "data/files/remote.h"
#include "data/ingest/arrow_record.h"

namespace atelier {
namespace {

constexpr int64_t kRowsPerPart = 16384;
constexpr int64_t kBufferBytes = 1 << 20;  // of a column while it is streamed

/// Parquet's reader says some things by status, some by exception: all are damage to the file.
[[noreturn]] void throw_damage(const std::string& what, const std::string& path) {
  throw DataError("damaged Parquet file: " + what.substr(0, what.find('\n')), path);
}

void check(const arrow::Status& status, const std::string& path) {
  if (!status.ok()) throw_damage(status.message(), path);
}

}  // namespace

struct PostsParquetReader::Table {
  std::string path, name;  // the name stands in reports
  std::string error;       // why it cannot be read
  std::shared_ptr<parquet::FileMetaData> metadata;
  std::vector<int> columns;  // that mean something

  explicit Table(std::string of_path) : path(std::move(of_path)) {
    try {
      metadata = parquet::ParquetFileReader::Open(open_arrow_file(path))->metadata();
    } catch (const parquet::ParquetException& exception) {
      throw_damage(exception.what(), path);
    }
    for (int i = 0; i < metadata->num_columns(); ++i) {
      if (ArrowRecords::uses(metadata->schema()->Column(i)->path()->ToDotString())) columns.push_back(i);
    }
    if (columns.empty()) throw ConfigError("no column of the table has a name that is known", path);
  }
  Table(std::string of_path, std::string why) : path(std::move(of_path)), error(std::move(why)) {}
};

/// The stream over a row group stands at a slice: threads that take slices in order find it where they need it, others
/// begin anew and skip.
struct PostsParquetReader::RowGroup {
  const Table* table;
  int number;  // within the table
  int64_t first_row, rows;

  std::mutex mutex;
  std::unique_ptr<parquet::arrow::FileReader> file;
  std::unique_ptr<arrow::RecordBatchReader> stream;
  int64_t next_slice = 0;

  RowGroup(const Table* of_table, int of_number, int64_t begin, int64_t count)
      : table(of_table), number(of_number), first_row(begin), rows(count) {}

  int64_t slices() const { return std::max<int64_t>((rows + kRowsPerPart - 1) / kRowsPerPart, 1); }
  int64_t rows_of(int64_t slice) const { return std::min(kRowsPerPart, rows - slice * kRowsPerPart); }

  std::shared_ptr<arrow::RecordBatch> read(int64_t slice) {
    const std::lock_guard lock(mutex);
    try {
      if (!stream || next_slice > slice) open();
      std::shared_ptr<arrow::RecordBatch> batch;
      for (; next_slice <= slice; ++next_slice) check(stream->ReadNext(&batch), table->path);
      if (!batch || batch->num_rows() != rows_of(slice)) throw_damage("fewer rows than it says", table->path);
      if (next_slice == slices()) close();
      return batch;
    } catch (...) {
      close();
      throw;
    }
  }

 private:
  void open() {
    parquet::ReaderProperties bytes;
    bytes.enable_buffered_stream();
    bytes.set_buffer_size(kBufferBytes);
    parquet::ArrowReaderProperties arrow_properties;
    arrow_properties.set_use_threads(false);
    arrow_properties.set_pre_buffer(false);
    arrow_properties.set_batch_size(kRowsPerPart);
    try {
      auto reader = parquet::ParquetFileReader::Open(open_arrow_file(table->path), bytes, table->metadata);
      auto opened = parquet::arrow::FileReader::Make(arrow::default_memory_pool(), std::move(reader), arrow_properties);
      check(opened.status(), table->path);
      file = std::move(*opened);
      auto batches = file->GetRecordBatchReader({number}, table->columns);
      check(batches.status(), table->path);
      stream = std::move(*batches);
    } catch (const parquet::ParquetException& exception) {
      throw_damage(exception.what(), table->path);
    }
    next_slice = 0;
  }
  void close() {
    stream.reset();
    file.reset();
  }
};

PostsParquetReader::PostsParquetReader(const SourceOptions& options)
    : paths_(expand_folder(absolute_path(options.path), ".parquet")), pictures_(options, paths_) {
  const std::string folder = pattern_folder(absolute_path(options.path));
  for (const std::string& path : paths_) {
    try {
      tables_.push_back(std::make_unique<Table>(path));
    } catch (const Error& error) {
      if (paths_.size() == 1) throw;
      tables_.push_back(std::make_unique<Table>(path, error.summary()));
    }
    tables_.back()->name = name_below(folder, path);
  }
  for (const auto& table : tables_) {
    int64_t first_row = 0;
    const int groups = table->metadata ? table->metadata->num_row_groups() : 1;
    for (int group = 0; group < groups; ++group) {
      const int64_t rows = table->metadata ? table->metadata->RowGroup(group)->num_rows() : 0;
      row_groups_.push_back(std::make_unique<RowGroup>(table.get(), group, first_row, rows));
      first_row += rows;
      for (int64_t slice = 0; slice < row_groups_.back()->slices(); ++slice) {
        parts_.push_back({static_cast<uint32_t>(row_groups_.size() - 1), slice});
      }
    }
  }
}

PostsParquetReader::~PostsParquetReader() = default;

int64_t PostsParquetReader::part_count() const { return static_cast<int64_t>(parts_.size()); }

int64_t PostsParquetReader::part_size(int64_t part) const {
  const RowGroup& group = *row_groups_[parts_[static_cast<size_t>(part)].row_group];
  if (!group.table->metadata) return 0;
  return group.table->metadata->RowGroup(group.number)->total_byte_size() / group.slices() / 1024;
}

PostBatch PostsParquetReader::read(int64_t part, const PictureProbe& probe) const {
  PostBatch batch;
  const Part& at = parts_[static_cast<size_t>(part)];
  RowGroup& group = *row_groups_[at.row_group];
  const std::string& file = group.table->name;
  const PictureFinder& pictures = pictures_.of(group.table->path);
  if (!group.table->error.empty()) {
    batch.bad.push_back({"", 0, "file_unreadable", group.table->error, file});
    return batch;
  }
  const int64_t first_row = group.first_row + at.slice * kRowsPerPart;
  if (group.rows == 0) return batch;
  std::shared_ptr<arrow::RecordBatch> rows;
  try {
    rows = group.read(at.slice);
  } catch (const DataError& error) {
    const int64_t lost = group.rows_of(at.slice);
    batch.bad.push_back(
        {"", 0, "file_damaged", error.summary(), text(file, ", ", lost, " rows from ", first_row), lost});
    return batch;
  }
  const ArrowRecords records(rows);
  for (int64_t row = 0; row < rows->num_rows(); ++row) {
    std::string id;
    try {
      PostRecord record = records.read(row);
      id = record.post.id;
      pictures.find(record, probe);
      batch.posts.push_back(std::move(record).finish(batch.tags));
    } catch (const DataError& error) {
      batch.bad.push_back({id, 0, error.summary(), error.where(), text(file, ", row ", first_row + row)});
    }
  }
  return batch;
}

}  // namespace atelier
