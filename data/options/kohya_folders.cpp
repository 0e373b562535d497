#include "data/options/kohya_folders.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>

#include "configs/base/error.h"
#include "configs/base/log.h"

namespace atelier {
namespace {

namespace fs = std::filesystem;

/// The number before the first underscore.
std::optional<int64_t> repeats_of(const std::string& name) {
  const size_t underscore = name.find('_');
  int64_t repeats = 0;
  if (underscore == std::string::npos) return std::nullopt;
  const auto [end, error] = std::from_chars(name.data(), name.data() + underscore, repeats);
  if (error != std::errc() || end != name.data() + underscore || repeats < 0) return std::nullopt;
  return repeats;
}

std::vector<SourceOptions> subfolders(const SourceOptions& source) {
  std::error_code error;
  std::vector<SourceOptions> sources;
  for (const fs::directory_entry& entry : fs::directory_iterator(source.path, error)) {
    const std::string name = entry.path().filename().string();
    if (!entry.is_directory() || name.starts_with('.')) continue;
    const std::optional<int64_t> repeats = repeats_of(name);
    if (!repeats) {
      log_warning("left out, as its name does not begin with a number of repeats: ", entry.path().string());
      continue;
    }
    SourceOptions folder = source;
    folder.kohya_folders = false;
    folder.path = entry.path().string();
    folder.name = source.name.empty() ? "" : source.name + "/" + name;
    folder.repeats *= static_cast<double>(*repeats);
    folder.class_tokens = name.substr(name.find('_') + 1);
    sources.push_back(std::move(folder));
  }
  if (error) throw ConfigError("folder cannot be read: " + error.message(), source.path, "kohya_folders needs one");
  if (sources.empty()) {
    throw ConfigError("no folder named like 10_1girl", source.path,
                      "or leave kohya_folders out: the folder is read whole");
  }
  std::ranges::sort(sources, {}, &SourceOptions::path);
  return sources;
}

}  // namespace

void expand_kohya_folders(std::vector<SourceOptions>& sources) {
  std::vector<SourceOptions> expanded;
  for (SourceOptions& source : sources) {
    if (!source.kohya_folders) {
      expanded.push_back(std::move(source));
      continue;
    }
    for (SourceOptions& folder : subfolders(source)) expanded.push_back(std::move(folder));
  }
  sources = std::move(expanded);
}

}  // namespace atelier
