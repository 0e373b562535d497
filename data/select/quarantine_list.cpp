#include "data/select/quarantine_list.h"

#include <nlohmann/json.hpp>

#include "configs/base/atomic_file.h"
#include "configs/base/error.h"
#include "configs/base/text.h"

namespace atelier {
namespace {

std::string key_of(std::string_view source, std::string_view id) { return text(source, '\n', id); }

std::string key_of_line(std::string_view line) {
  if (!line.starts_with('{')) return std::string(line);
  const nlohmann::json object = nlohmann::json::parse(line);
  const auto id = object.at("id").get<std::string>();
  return object.contains("source") ? key_of(object["source"].get<std::string>(), id) : id;
}

}  // namespace

QuarantineList::QuarantineList(const std::filesystem::path& file) {
  const std::string content = read_file(file);
  std::string_view list = content;
  if (list.starts_with("\xEF\xBB\xBF")) list.remove_prefix(3);
  int64_t number = 0;
  for (std::string_view line : split(list, '\n')) {
    ++number;
    line = trim(line);
    if (line.empty() || line.starts_with('#')) continue;
    try {
      ids_.insert(key_of_line(line));
    } catch (const nlohmann::json::exception&) {
      throw ConfigError("the line is neither an id nor an object with an `id`", text(file.string(), ":", number),
                        "`atelier dataset verify` writes such a list");
    }
  }
}

bool QuarantineList::contains(const Manifest& manifest, int64_t row) const {
  const std::string_view id = manifest.id(row);
  const SourceSummary& source = manifest.summary().sources[static_cast<size_t>(manifest.source(row))];
  return ids_.contains(std::string(id)) || ids_.contains(key_of(source.path, id));
}

}  // namespace atelier
