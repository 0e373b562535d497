#include "data/manifest/finished_posts.h"

#include <arrow/api.h>
#include <arrow/io/api.h>
#include <arrow/ipc/api.h>

#include <algorithm>
#include <array>
#include <set>

#include "configs/base/error.h"
#include "configs/base/hash.h"
#include "configs/base/interrupt.h"
#include "configs/base/progress.h"
#include "configs/base/thread_pool.h"
#include "data/manifest/arrow_files.h"
#include "data/manifest/column_hash.h"
#include "data/manifest/posts_table.h"

namespace atelier {
namespace {

/// Rows [begin, begin + rows) of a spilled part.
struct Run {
  size_t source;
  const SpilledPart* part;
  int64_t begin, rows;
};

/// The rows that stay, cut into batches of kRowsPerBatch.
class BatchCutter {
 public:
  explicit BatchCutter(const std::vector<SourceRows>& sources) {
    for (size_t s = 0; s < sources.size(); ++s) {
      for (const SpilledPart& part : sources[s].parts) {
        int64_t begin = 0;
        for (const int32_t dropped : part.dropped) {
          add(s, part, begin, dropped);
          begin = dropped + 1;
        }
        add(s, part, begin, part.place.rows);
      }
    }
  }
  std::vector<std::vector<Run>> take() { return std::move(batches_); }

 private:
  void add(size_t source, const SpilledPart& part, int64_t begin, int64_t end) {
    while (begin < end) {
      if (batches_.empty() || rows_ == kRowsPerBatch) {
        batches_.emplace_back();
        rows_ = 0;
      }
      const int64_t rows = std::min(end - begin, kRowsPerBatch - rows_);
      batches_.back().push_back({source, &part, begin, rows});
      rows_ += rows;
      begin += rows;
    }
  }

  std::vector<std::vector<Run>> batches_;
  int64_t rows_ = 0;  // of the last batch
};

template <typename T>
T value(arrow::Result<T> result) {
  if (!result.ok()) throw MachineError("the posts do not fit into memory: " + result.status().ToString());
  return std::move(result).ValueUnsafe();
}

std::shared_ptr<arrow::Array> numbers(const std::vector<int8_t>& values) {
  return std::make_shared<arrow::Int8Array>(static_cast<int64_t>(values.size()),
                                            arrow::Buffer::FromVector(std::vector<int8_t>(values)));
}

std::shared_ptr<arrow::Array> flags(const std::vector<bool>& values) {
  arrow::BooleanBuilder builder;
  std::shared_ptr<arrow::Array> array;
  arrow::Status status = builder.AppendValues(values);
  status &= builder.Finish(&array);
  if (!status.ok()) throw MachineError("the posts do not fit into memory: " + status.ToString());
  return array;
}

/// Lists of tag ids, as they are filled.
struct TagLists {
  std::vector<int32_t> ends = {0};
  std::vector<int32_t> ids;

  std::shared_ptr<arrow::Array> finish() {
    const auto rows = static_cast<int64_t>(ends.size()) - 1, count = static_cast<int64_t>(ids.size());
    auto values = std::make_shared<arrow::Int32Array>(count, arrow::Buffer::FromVector(std::move(ids)));
    return std::make_shared<arrow::ListArray>(arrow::list(arrow::int32()), rows,
                                              arrow::Buffer::FromVector(std::move(ends)), std::move(values));
  }
};

/// One finished batch with what is counted of it.
struct FinishedBatch {
  std::shared_ptr<arrow::RecordBatch> rows;
  std::string hash;
  std::vector<SourceSummary> counted;                  // by source
  std::vector<std::set<std::string>> picture_folders;  // by source
};

void add_picture_folders(const arrow::RecordBatch& slice, std::set<std::string>& folders) {
  const auto& paths = static_cast<const arrow::StringArray&>(*slice.column(kPathColumn));
  std::string_view last;
  for (int64_t i = 0; i < paths.length(); ++i) {
    if (paths.IsNull(i)) continue;
    const std::string_view path = paths.GetView(i), folder = path.substr(0, path.rfind('/'));
    if (folder != last) folders.emplace(folder);
    last = folder;
  }
}

class BatchFinisher {
 public:
  BatchFinisher(const std::vector<SourceRows>& sources, const FinishingContext& context)
      : sources_(sources), context_(context) {}

  FinishedBatch finish(const std::vector<Run>& runs) {
    std::vector<arrow::ArrayVector> slices(kReadColumnCount);
    FinishedBatch finished;
    finished.counted.resize(sources_.size());
    finished.picture_folders.resize(sources_.size());
    rating_.clear();
    const SpilledPart* part = nullptr;
    std::shared_ptr<arrow::RecordBatch> rows;  // of the part: dropped rows cut it into many runs
    for (const Run& run : runs) {
      if (run.part != part) {
        part = run.part;
        rows = context_.spill.read(part->place);
      }
      const std::shared_ptr<arrow::RecordBatch> slice = rows->Slice(run.begin, run.rows);
      for (int c = 0; c < kReadColumnCount; ++c) slices[static_cast<size_t>(c)].push_back(slice->column(c));
      add_ratings(*slice, sources_[run.source].old_scheme);
      add_tags(*slice);
      count(*slice, finished.counted[run.source]);
      add_picture_folders(*slice, finished.picture_folders[run.source]);
    }
    finished.rows = assemble(slices);
    finished.hash = content_hash_of(*finished.rows);
    return finished;
  }

 private:
  void add_ratings(const arrow::RecordBatch& slice, bool old_scheme) {
    const auto& ratings = static_cast<const arrow::Int8Array&>(*slice.column(kRatingColumn));
    const auto& rated_s = static_cast<const arrow::BooleanArray&>(*slice.column(kRatedSColumn));
    const auto s = static_cast<int8_t>(old_scheme ? Rating::kSafe : Rating::kSensitive);
    for (int64_t i = 0; i < slice.num_rows(); ++i) rating_.push_back(rated_s.Value(i) ? s : ratings.Value(i));
  }

  void add_tags(const arrow::RecordBatch& slice) {
    const auto& lists = static_cast<const arrow::ListArray&>(*slice.column(kReadTagsColumn));
    const int32_t* ids = static_cast<const arrow::Int32Array&>(*lists.values()).raw_values();
    for (int64_t i = 0; i < slice.num_rows(); ++i) {
      const std::span as_written(ids + lists.value_offset(i), static_cast<size_t>(lists.value_length(i)));
      const std::span<const int32_t> tags = resolver_.resolve(as_written, context_.tags.meanings);
      for (const int32_t tag : tags) {
        tags_[static_cast<size_t>(context_.tags.dictionary.category(tag))].ids.push_back(tag);
      }
      for (TagLists& list : tags_) list.ends.push_back(static_cast<int32_t>(list.ids.size()));
      const PersonLabel person = context_.people.label(tags);
      person_class_.push_back(static_cast<int8_t>(person.person_class));
      group_size_.push_back(static_cast<int8_t>(person.group_size));
      inferred_.push_back(person.inferred);
      conflict_.push_back(person.conflict);
    }
  }

  static void count(const arrow::RecordBatch& slice, SourceSummary& summary) {
    const auto& further = static_cast<const arrow::ListArray&>(*slice.column(kFurtherCaptionsColumn));
    summary.rows += slice.num_rows();
    summary.without_picture += slice.column(kPathColumn)->null_count();
    summary.further_caption_lines += further.value_offset(slice.num_rows()) - further.value_offset(0);
    summary.truncated += static_cast<const arrow::BooleanArray&>(*slice.column(kTruncatedColumn)).true_count();
    summary.animated += static_cast<const arrow::BooleanArray&>(*slice.column(kAnimatedColumn)).true_count();
  }

  std::shared_ptr<arrow::RecordBatch> assemble(const std::vector<arrow::ArrayVector>& slices) {
    arrow::ArrayVector columns;
    for (const arrow::ArrayVector& slice : slices) columns.push_back(value(arrow::Concatenate(slice)));
    const auto schema = posts_schema();
    const auto to_words = [&](PostsColumn column, const std::shared_ptr<arrow::Array>& indices) {
      return value(arrow::DictionaryArray::FromArrays(schema->field(column)->type(), indices, column_words(column)));
    };
    columns[kFormatColumn] = to_words(kFormatColumn, columns[kFormatColumn]);
    columns[kRatingColumn] = to_words(kRatingColumn, numbers(rating_));
    columns.push_back(to_words(kPersonClassColumn, numbers(person_class_)));
    columns.push_back(to_words(kGroupSizeColumn, numbers(group_size_)));
    columns.push_back(flags(inferred_));
    columns.push_back(flags(conflict_));
    for (TagLists& list : tags_) columns.push_back(list.finish());
    const auto rows = static_cast<int64_t>(rating_.size());
    tags_ = {};
    person_class_.clear();
    group_size_.clear();
    inferred_.clear();
    conflict_.clear();
    return arrow::RecordBatch::Make(schema, rows, std::move(columns));
  }

  const std::vector<SourceRows>& sources_;
  const FinishingContext& context_;
  TagResolver resolver_;
  std::array<TagLists, kTagCategoryCount> tags_;
  std::vector<int8_t> rating_, person_class_, group_size_;
  std::vector<bool> inferred_, conflict_;
};

void add_counts(FinishedBatch& batch, std::vector<SourceRows>& sources) {
  for (size_t s = 0; s < sources.size(); ++s) {
    SourceSummary& summary = sources[s].summary;
    const SourceSummary& counted = batch.counted[s];
    summary.rows += counted.rows;
    summary.without_picture += counted.without_picture;
    summary.further_caption_lines += counted.further_caption_lines;
    summary.truncated += counted.truncated;
    summary.animated += counted.animated;
    sources[s].picture_folders.merge(batch.picture_folders[s]);
  }
}

}  // namespace

std::string write_posts(std::vector<SourceRows>& sources, const FinishingContext& context,
                        const std::filesystem::path& file) {
  const std::vector<std::vector<Run>> batches = BatchCutter(sources).take();
  const auto at_once = static_cast<size_t>(available_cores());
  std::vector<BatchFinisher> finishers(at_once, BatchFinisher(sources, context));
  Progress progress("write posts", static_cast<int64_t>(batches.size()), "batches");
  ContentHasher hasher;
  ArrowFileWriter writer(file, posts_schema());
  for (size_t begin = 0; begin < batches.size(); begin += at_once) {
    check_interrupted();
    std::vector<FinishedBatch> finished(std::min(at_once, batches.size() - begin));
    parallel_for(static_cast<int64_t>(finished.size()), static_cast<int>(at_once), [&](int64_t i) {
      const auto at = static_cast<size_t>(i);
      finished[at] = finishers[at].finish(batches[begin + at]);
    });
    for (FinishedBatch& batch : finished) {
      writer.write(*batch.rows);
      hasher.update_field(batch.hash);
      add_counts(batch, sources);
      progress.advance();
    }
  }
  writer.close();
  return hasher.hex();
}

}  // namespace atelier
