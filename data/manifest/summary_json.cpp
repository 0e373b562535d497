// manifest.json: what was read, what became of it, and the hash.
#include <nlohmann/json.hpp>

#include "configs/base/atomic_file.h"
#include "configs/base/error.h"
#include "data/manifest/manifest_parts.h"

namespace atelier {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kFormat = "atelier-manifest";

struct Count {
  const char* key;
  int64_t SourceSummary::*member;
};
constexpr Count kCounts[] = {
    {"read", &SourceSummary::read},
    {"rows", &SourceSummary::rows},
    {"excluded_minors", &SourceSummary::excluded_minors},
    {"without_picture", &SourceSummary::without_picture},
    {"without_caption", &SourceSummary::without_caption},
    {"further_caption_lines", &SourceSummary::further_caption_lines},
    {"truncated", &SourceSummary::truncated},
    {"animated", &SourceSummary::animated},
    {"other_files", &SourceSummary::other_files},
};

Json to_json(const SourceSummary& source) {
  Json json = {{"path", source.path}, {"kind", source.kind}, {"rating_scheme", source.rating_scheme}};
  for (const Count& count : kCounts) json[count.key] = source.*count.member;
  json["quarantined"] = source.quarantined;
  return json;
}

SourceSummary from_json(const Json& json) {
  SourceSummary source;
  source.path = json.at("path");
  source.kind = json.at("kind");
  source.rating_scheme = json.at("rating_scheme");
  for (const Count& count : kCounts) source.*count.member = json.at(count.key);
  source.quarantined = json.at("quarantined").get<std::map<std::string, int64_t>>();
  return source;
}

}  // namespace

SourceSummary ManifestSummary::total() const {
  SourceSummary total;
  for (const SourceSummary& source : sources) {
    for (const Count& count : kCounts) total.*count.member += source.*count.member;
    for (const auto& [reason, samples] : source.quarantined) total.quarantined[reason] += samples;
  }
  return total;
}

std::string write_summary(const ManifestParts& parts, int64_t rows) {
  Json json = {{"format", kFormat},
               {"version", kManifestVersion},
               {"content_hash", parts.summary.content_hash},
               {"rules", parts.rules_state},
               {"rows", rows},
               {"tags", parts.tags.size()},
               {"sources", Json::array()}};
  for (size_t i = 0; i < parts.summary.sources.size(); ++i) {
    json["sources"].push_back(to_json(parts.summary.sources[i]));
    json["sources"].back()["state"] = parts.source_states[i].hash;
    json["sources"].back()["picture_folders"] = parts.source_states[i].picture_folders;
  }
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::array<int64_t, 2> read_summary(const std::filesystem::path& file, ManifestParts& parts) {
  const std::string hint = "remove the folder and build it again";
  try {
    const Json json = Json::parse(read_file(file));
    if (json.at("format") != kFormat || json.at("version") != kManifestVersion) {
      throw DataError("a manifest of another version", file.string(), hint);
    }
    parts.summary.content_hash = json.at("content_hash");
    parts.rules_state = json.at("rules");
    for (const Json& source : json.at("sources")) {
      parts.summary.sources.push_back(from_json(source));
      parts.source_states.push_back({source.at("state"), source.at("picture_folders")});
    }
    return {json.at("rows").get<int64_t>(), json.at("tags").get<int64_t>()};
  } catch (const Json::exception& error) {
    throw DataError(std::string("damaged manifest: ") + error.what(), file.string(), hint);
  }
}

}  // namespace atelier
