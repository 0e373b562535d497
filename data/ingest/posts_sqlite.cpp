#include "data/ingest/posts_sqlite.h"

#include <algorithm>
#include <array>
#include <limits>

#include "configs/base/error.h"
#include "configs/base/text.h"
#include "data/files/files.h"
#include "data/ingest/sqlite.h"

namespace atelier {
namespace {

constexpr int64_t kRowsPerPart = 16384;
constexpr int64_t kMaxSparseness = 16;  // row numbers for one row, up to which parts are ranges of equal width

std::string sql_name(const std::string& name) {
  std::string out = "\"";
  for (const char c : name) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + "\"";
}

std::vector<std::string> first_column(const Database& database, const std::string& sql, int column = 0) {
  std::vector<std::string> values;
  for (Statement rows(database, sql); rows.step();) values.emplace_back(rows.text(column).value_or(""));
  return values;
}

std::vector<std::string> column_names(const Database& database, const std::string& table) {
  return first_column(database, "PRAGMA table_info(" + sql_name(table) + ")", 1);
}

/// Kohaku's data base numbers categories its own way: the site's 3 and 4 are the other way round, meta is 4.
std::optional<TagCategory> relation_category(int64_t type) {
  constexpr std::array kTypes = {TagCategory::kGeneral, TagCategory::kArtist, TagCategory::kCharacter,
                                 TagCategory::kCopyright, TagCategory::kMeta};
  if (type < 0 || type >= static_cast<int64_t>(kTypes.size())) return std::nullopt;
  return kTypes[static_cast<size_t>(type)];
}

/// Without one, every part would go through all relations.
bool has_index(const Database& database, const std::string& table, const std::string& column) {
  for (const std::string& index : first_column(database, "PRAGMA index_list(" + sql_name(table) + ")", 1)) {
    const auto columns = first_column(database, "PRAGMA index_info(" + sql_name(index) + ")", 2);
    if (!columns.empty() && columns.front() == column) return true;
  }
  return false;
}

}  // namespace

/// The tags of posts whose numbers go up.
class PostsSqliteReader::Relations {
 public:
  Relations(const Database& database, int64_t begin, int64_t end)
      : rows_(database,
              "SELECT post_id, tag_id FROM posttagrelation WHERE post_id >= ? AND post_id < ? ORDER BY post_id") {
    rows_.bind(1, begin);
    rows_.bind(2, end);
    more_ = rows_.step();
  }

  void add_tags(int64_t post, const std::unordered_map<int64_t, Tag>& tags, PostRecord& record) {
    for (; more_ && rows_.number(0) <= post; more_ = rows_.step()) {
      const auto tag = rows_.number(0) == post ? tags.find(rows_.number(1)) : tags.end();
      if (tag != tags.end()) record.add_tag(tag->second.name, tag->second.category);
    }
  }

 private:
  Statement rows_;
  bool more_ = false;
};

PostsSqliteReader::PostsSqliteReader(const SourceOptions& options)
    : path_(absolute_path(options.path)), pictures_(options, {path_}) {
  if (is_remote(path_)) throw ConfigError("an SQLite data base must be a local file", path_, "copy it here first");
  const Database database(path_);
  try {
    find_columns(database);
    find_parts(database);
    if (related_) read_tags(database);
  } catch (const DataError& error) {
    const bool rowless = error.summary().ends_with("no such column: rowid");
    throw ConfigError("cannot read the data base: " + error.summary(), path_,
                      rowless ? "copy a table WITHOUT ROWID, or a view, into an ordinary table" : "");
  }
}

void PostsSqliteReader::find_columns(const Database& database) {
  const std::vector<std::string> tables =
      first_column(database, "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name");
  const auto has = [&](const char* name) { return std::ranges::find(tables, name) != tables.end(); };
  related_ = has("post") && has("tag") && has("posttagrelation");
  std::vector<std::string> candidates = tables;
  if (related_)
    candidates = {"post"};
  else if (has("posts") || has("post"))
    candidates = {has("posts") ? "posts" : "post"};
  for (const std::string& table : candidates) {
    std::vector<std::pair<std::string, PostColumn>> columns;
    bool identified = false;
    for (const std::string& name : column_names(database, table)) {
      const std::optional<PostColumn> column = post_column(name);
      if (!column) continue;
      columns.emplace_back(name, *column);
      identified |= column == PostColumn::kId || column == PostColumn::kMd5 || column == PostColumn::kFileName;
    }
    if (!identified || columns.size() < 2) continue;
    if (!table_.empty()) {
      throw ConfigError("two tables that could hold posts: " + table_ + " and " + table, path_,
                        "make a copy with one of them, named posts");
    }
    table_ = table;
    columns_ = std::move(columns);
  }
  if (table_.empty())
    throw ConfigError("no table of posts", path_, "a table named posts with a column id is looked for");
  if (related_) check_relations(database);
}

/// Tags are looked up by row number, which is the id where that is the table's INTEGER PRIMARY KEY: copies may have
/// lost it.
void PostsSqliteReader::check_relations(const Database& database) const {
  if (!has_index(database, "posttagrelation", "post_id")) {
    throw ConfigError("the tags of a post cannot be looked up", path_,
                      "CREATE INDEX relation_of_post ON posttagrelation(post_id)");
  }
  Statement keys(database,
                 "SELECT sum(pk), sum(pk = 1 AND name = 'id' AND upper(type) = 'INTEGER') "
                 "FROM pragma_table_info('post')");
  const bool is_row_number = keys.step() && keys.number(0) == 1 && keys.number(1) == 1;
  if (!is_row_number && Statement(database, "SELECT 1 FROM post WHERE rowid IS NOT id LIMIT 1").step()) {
    throw ConfigError("the ids of the table post are not its row numbers", path_,
                      "make the table anew with id INTEGER PRIMARY KEY, or give the original data base");
  }
}

void PostsSqliteReader::find_parts(const Database& database) {
  const std::string table = sql_name(table_);
  // One statement for both would go through the whole table.
  Statement range(database, text("SELECT (SELECT min(rowid) FROM ", table, "), (SELECT max(rowid) FROM ", table, ")"));
  begins_ = {0};
  if (!range.step() || !range.text(0)) return;
  const int64_t first = range.number(0), last = range.number(1);
  begins_ = {first};
  const FileFacts facts = file_facts(path_).value_or(FileFacts());
  // A row takes more than some bytes: numbers further apart than the file could fill are sparse.
  const bool dense = static_cast<uint64_t>(last) - static_cast<uint64_t>(first) <
                     static_cast<uint64_t>(facts.size_bytes / kMaxSparseness);
  if (dense) {
    while (last - begins_.back() >= kRowsPerPart) begins_.push_back(begins_.back() + kRowsPerPart);
  } else {
    Statement next(database, text("SELECT rowid FROM ", table, " ORDER BY rowid LIMIT -1 OFFSET 1"));
    for (int64_t row = 1; next.step(); ++row) {
      if (row % kRowsPerPart == 0) begins_.push_back(next.number(0));
    }
  }
  begins_.push_back(last == std::numeric_limits<int64_t>::max() ? last : last + 1);
  part_kib_ = facts.size_bytes / 1024 / std::max<int64_t>(part_count(), 1);
}

void PostsSqliteReader::read_tags(const Database& database) {
  for (Statement rows(database, "SELECT id, name, type FROM tag"); rows.step();) {
    tags_[rows.number(0)] = {std::string(rows.text(1).value_or("")), relation_category(rows.number(2))};
  }
}

PostBatch PostsSqliteReader::read(int64_t part, const PictureProbe& probe) const {
  PostBatch batch;
  const int64_t begin = begins_[static_cast<size_t>(part)], end = begins_[static_cast<size_t>(part) + 1];
  try {
    read_rows(Database(path_), part, probe, batch);
  } catch (const DataError& error) {
    const int64_t read = std::ssize(batch.posts) + std::ssize(batch.bad);
    const int64_t lost = std::max<int64_t>(std::min(end - begin, kRowsPerPart) - read, 1);
    batch.bad.push_back({"", 0, "file_damaged", error.summary(), text("rows ", begin, " to ", end - 1), lost});
  }
  return batch;
}

void PostsSqliteReader::read_rows(const Database& database, int64_t part, const PictureProbe& probe,
                                  PostBatch& batch) const {
  const int64_t begin = begins_[static_cast<size_t>(part)], end = begins_[static_cast<size_t>(part) + 1];
  std::string names = "rowid";
  for (const auto& [name, column] : columns_) names += ", " + sql_name(name);
  Statement rows(database,
                 "SELECT " + names + " FROM " + sql_name(table_) + " WHERE rowid >= ? AND rowid < ? ORDER BY rowid");
  rows.bind(1, begin);
  rows.bind(2, end);
  std::optional<Relations> relations;
  if (related_) relations.emplace(database, begin, end);
  const PictureFinder& pictures = pictures_.of(path_);
  while (rows.step()) {
    PostRecord record;
    if (relations) relations->add_tags(rows.number(0), tags_, record);
    std::string id;
    std::string_view field;
    try {
      for (size_t i = 0; i < columns_.size(); ++i) {
        field = columns_[i].first;
        if (const auto value = rows.text(static_cast<int>(i) + 1)) record.set(columns_[i].second, *value);
      }
      field = {};
      id = record.post.id;
      pictures.find(record, probe);
      batch.posts.push_back(std::move(record).finish(batch.tags));
    } catch (const DataError& error) {
      std::string detail = text(field, field.empty() || error.where().empty() ? "" : ": ", error.where());
      batch.bad.push_back({id, 0, error.summary(), std::move(detail), text("row ", rows.number(0))});
    }
  }
}

}  // namespace atelier
