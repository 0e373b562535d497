// Reading the config.json of a diffusers or transformers component: typed, with errors that name key and file.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace atelier {

/// One JSON object. Every fault is a WeightsError.
class ConfigJson {
 public:
  /// `path` is the file, or the folder that holds `file_name`.
  ConfigJson(const std::filesystem::path& path, std::string_view file_name);
  ~ConfigJson();

  const std::filesystem::path& file() const { return file_; }
  /// Present and not null.
  bool has(const std::string& key) const;

  // The value, or `fallback` where the key is absent or null.
  int64_t integer(const std::string& key, int64_t fallback) const;
  /// As integer(), and within 1..2^20.
  int64_t count(const std::string& key, int64_t fallback) const;
  double number(const std::string& key, double fallback) const;
  bool boolean(const std::string& key, bool fallback) const;
  std::string string(const std::string& key, const std::string& fallback) const;
  /// As string(), one of `allowed`.
  std::string choice(const std::string& key, const std::string& fallback,
                     const std::vector<std::string>& allowed) const;
  /// The strings of a list; empty where the key is absent or null.
  std::vector<std::string> strings(const std::string& key) const;
  /// The numbers of a list, or a number as a list of one, each as count(); empty where the key is absent or null.
  std::vector<int64_t> counts(const std::string& key) const;
  /// The numbers of a list; empty where the key is absent or null.
  std::vector<double> numbers(const std::string& key) const;

  /// Every key of the file.
  std::vector<std::string> keys() const;

  /// For keys whose other values this program does not compute: absent, null, false, 0 or `harmless` (as JSON) pass.
  void require_off(const std::string& key, std::string_view harmless = "null") const;
  /// Absent, null, or equal to `value` (as JSON).
  void require(const std::string& key, std::string_view value) const;
  /// "KEY is VALUE: WHY", at this file.
  [[noreturn]] void fail(const std::string& key, std::string_view why) const;

 private:
  struct Content;

  std::filesystem::path file_;
  std::unique_ptr<Content> content_;
};

}  // namespace atelier
