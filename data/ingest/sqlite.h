// SQLite, to read only.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

struct sqlite3;
struct sqlite3_stmt;

namespace atelier {

/// One connection; for one thread at a time.
class Database {
 public:
  /// ConfigError if it is no data base, or another program has locked it.
  explicit Database(const std::string& path);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  const std::string& path() const { return path_; }
  sqlite3* handle() const { return handle_; }

 private:
  void open(const std::string& uri);
  int probe() const;

  std::string path_;
  sqlite3* handle_ = nullptr;
};

class Statement {
 public:
  Statement(const Database& database, const std::string& sql);
  ~Statement();
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  /// From 1.
  void bind(int parameter, int64_t value);
  /// The next row; false behind the last. ConfigError if another program has locked the data base, DataError if it is
  /// damaged.
  bool step();
  /// From 0. nullopt for null; numbers as they are written. Valid until the next step.
  std::optional<std::string_view> text(int column) const;
  int64_t number(int column) const;

 private:
  const Database& database_;
  sqlite3_stmt* handle_ = nullptr;
};

}  // namespace atelier
