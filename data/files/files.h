// Local files and s3:// alike: what is where, and how paths are put together.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace atelier {

/// True for s3://bucket/key. What stands behind a `?` says how to reach it (`?endpoint_override=...&scheme=http`,
/// `?region=...`) and stays with every path below it; the usual AWS_* environment says the rest.
bool is_remote(std::string_view path);

/// True if `name`, relative to a folder, or a folder on the way to it begins with a dot.
bool is_hidden(std::string_view name);

/// `name` below `folder`.
std::string join_path(std::string_view folder, std::string_view name);
/// The folder that a file lies in, and its last name alone.
std::string parent_path(std::string_view path);
std::string file_name(std::string_view path);
/// "sub/a.png" of "DIR/sub/a.png": what stands behind `folder`; the last name alone if the file lies elsewhere.
std::string name_below(std::string_view folder, std::string_view path);
/// ".jsonl", in lower case; empty if there is none.
std::string file_suffix(std::string_view path);

/// Absolute and without "." and "..", so that it means the same from any working folder.
std::string absolute_path(const std::string& path);

struct FileFacts {
  int64_t size_bytes = 0;
  int64_t modified_ns = 0;  // since 1970
  bool is_folder = false;
};

/// nullopt if no file and no folder is there (links to nothing, devices, too). ConfigError if a remote store cannot be
/// asked.
std::optional<FileFacts> file_facts(const std::string& path);

struct ListedFile {
  std::string name;         // relative to the folder
  int64_t size_bytes = -1;  // of remote files only, whose listing says it anyway; -1: not known
  int64_t modified_ns = 0;
};

/// The files in `folder` and below it, by name. Hidden files and folders are left out; a folder that links lead to more
/// than once is read once. ConfigError if it cannot be read.
std::vector<ListedFile> list_files(const std::string& folder);
/// The same of the folder alone, without what lies below.
std::vector<ListedFile> list_folder(const std::string& folder);

/// The files that a pattern means, sorted: `*`, `?`, `[...]` within a name; `{a,b}` and `{0000..0099}` anywhere, in
/// their own order. A path without any of them, or that exists as it is written, means itself. ConfigError if nothing
/// matches.
std::vector<std::string> expand_pattern(const std::string& pattern);

/// The files ending in `suffix` (".tar") of a folder and all below it, or those that a pattern means. ConfigError if
/// there is none.
std::vector<std::string> expand_folder(const std::string& path, std::string_view suffix);

/// The folder below which all lies that a pattern can mean: that before its first `*`, `?`, `[` or `{`; of a file its
/// folder; a folder itself.
std::string pattern_folder(const std::string& pattern);

}  // namespace atelier
