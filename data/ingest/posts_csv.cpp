#include "data/ingest/posts_csv.h"

#include <algorithm>

#include "configs/base/error.h"
#include "configs/base/text.h"
#include "data/files/files.h"
#include "data/ingest/csv_rows.h"

namespace atelier {
namespace {

/// Of "posts.tsv" and "posts.tsv.gz".
char separator_of(const std::string& path) {
  std::string name = lower_ascii(file_name(path));
  if (name.ends_with(".gz")) name.resize(name.size() - 3);
  return name.ends_with(".tsv") ? '\t' : ',';
}

}  // namespace

PostsCsvReader::PostsCsvReader(const SourceOptions& options)
    : separator_(separator_of(options.path)),
      parts_(options.path, TextParts::Records::kCsv, separator_),
      pictures_(options, parts_.paths()) {
  if (part_count() > 0 &&
      std::ranges::none_of(read_header(0).columns, [](const auto& column) { return bool(column); })) {
    throw ConfigError("no column of the table has a name that is known", parts_.path(0),
                      "the first line must name the columns, one of them id, md5 or file_name");
  }
}

PostsCsvReader::Header PostsCsvReader::read_header(int64_t part) const {
  const std::string first = parts_.first_record(part);
  Header header;
  CsvRows rows(first, separator_);
  if (!rows.next()) return header;
  for (const std::string_view name : rows.fields()) {
    header.columns.push_back(post_column(trim(name)));
    header.names.emplace_back(name);
    header.s_is_safe |= name == "change_seq";  // a column of e621's alone
  }
  return header;
}

PostRecord PostsCsvReader::read_row(const Header& header, const std::vector<std::string_view>& fields) const {
  if (fields.size() != header.columns.size()) {
    throw DataError("bad_csv", text(fields.size(), " fields, the first line has ", header.columns.size()));
  }
  PostRecord record;
  for (size_t i = 0; i < fields.size(); ++i) {
    if (!header.columns[i]) continue;
    try {
      record.set(*header.columns[i], fields[i]);
    } catch (const DataError& error) {
      throw DataError(error.summary(), header.names[i] + (error.where().empty() ? "" : ": " + error.where()));
    }
  }
  if (header.s_is_safe && record.post.rated_s) {
    record.post.rated_s = false;
    record.post.rating = Rating::kSafe;
  }
  return record;
}

PostBatch PostsCsvReader::read(int64_t part, const PictureProbe& probe) const {
  PostBatch batch;
  const PictureFinder& pictures = pictures_.of(parts_.path(part));
  std::string buffer;
  const std::string_view table = parts_.read(part, buffer, batch);
  const Header header = read_header(part);
  CsvRows rows(table, separator_);
  if (parts_.is_first_of_file(part)) rows.next();  // the names
  while (rows.next()) {
    std::string id;
    try {
      if (rows.unclosed()) throw DataError("bad_csv", "a quote that is not closed");
      PostRecord record = read_row(header, rows.fields());
      id = record.post.id;
      pictures.find(record, probe);
      batch.posts.push_back(std::move(record).finish(batch.tags));
    } catch (const DataError& error) {
      batch.bad.push_back({id, rows.lines_before() + 1, error.summary(), error.where()});
    }
  }
  batch.lines = rows.lines();
  parts_.done_with(part, table);
  return batch;
}

}  // namespace atelier
