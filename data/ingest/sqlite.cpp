#include "data/ingest/sqlite.h"

#include <sqlite3.h>

#include <cstdio>

#include "configs/base/error.h"

namespace atelier {
namespace {

constexpr int kWaitMs = 2000;  // for another program to let go

[[noreturn]] void throw_sqlite(int code, const Database& database) {
  const int kind = code & 0xFF;
  if (kind == SQLITE_BUSY || kind == SQLITE_LOCKED) {
    throw ConfigError("the data base is locked by another program", database.path(),
                      "close that program, or give a copy of the file");
  }
  throw DataError(sqlite3_errmsg(database.handle()), database.path());
}

/// As the path part of a file: URI.
std::string escaped(const std::string& path) {
  std::string uri;
  for (const char c : path) {
    char code[4];
    std::snprintf(code, sizeof code, "%%%02X", static_cast<unsigned char>(c));
    uri += c == '?' || c == '#' || c == '%' ? code : std::string(1, c);
  }
  return uri;
}

}  // namespace

Database::Database(const std::string& path) : path_(path) {
  open("file:" + escaped(path));
  int code = probe();
  const int kind = code & 0xFF;
  if (kind == SQLITE_CANTOPEN || kind == SQLITE_READONLY) {
    // A write-ahead log that cannot be made in a folder without write permission: nobody can be writing, either.
    sqlite3_close(handle_);
    open("file:" + escaped(path) + "?immutable=1");
    code = probe();
  }
  if (code == SQLITE_OK) return;
  try {
    throw_sqlite(code, *this);
  } catch (const DataError& error) {
    sqlite3_close(handle_);
    throw ConfigError("cannot open the data base: " + error.summary(), path_);
  } catch (...) {
    sqlite3_close(handle_);
    throw;
  }
}

Database::~Database() { sqlite3_close(handle_); }

void Database::open(const std::string& uri) {
  const int flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_URI;
  if (sqlite3_open_v2(uri.c_str(), &handle_, flags, nullptr) == SQLITE_OK) sqlite3_busy_timeout(handle_, kWaitMs);
}

int Database::probe() const {
  if (const int code = sqlite3_errcode(handle_); code != SQLITE_OK) return code;
  return sqlite3_exec(handle_, "SELECT count(*) FROM sqlite_master", nullptr, nullptr, nullptr);
}

Statement::Statement(const Database& database, const std::string& sql) : database_(database) {
  const int code = sqlite3_prepare_v2(database.handle(), sql.c_str(), static_cast<int>(sql.size()), &handle_, nullptr);
  if (code != SQLITE_OK) throw_sqlite(code, database);
}

Statement::~Statement() { sqlite3_finalize(handle_); }

void Statement::bind(int parameter, int64_t value) {
  if (const int code = sqlite3_bind_int64(handle_, parameter, value); code != SQLITE_OK) throw_sqlite(code, database_);
}

bool Statement::step() {
  const int code = sqlite3_step(handle_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  throw_sqlite(code, database_);
}

std::optional<std::string_view> Statement::text(int column) const {
  if (sqlite3_column_type(handle_, column) == SQLITE_NULL) return std::nullopt;
  const auto* begin = reinterpret_cast<const char*>(sqlite3_column_text(handle_, column));
  return std::string_view(begin ? begin : "", static_cast<size_t>(sqlite3_column_bytes(handle_, column)));
}

int64_t Statement::number(int column) const { return sqlite3_column_int64(handle_, column); }

}  // namespace atelier
