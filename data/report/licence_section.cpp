// Where the pictures come from, whose wishes were followed, and what is left out for good: duplicates, quarantine,
// licence and provenance.
#include <algorithm>
#include <array>
#include <map>
#include <nlohmann/json.hpp>

#include "configs/base/thread_pool.h"
#include "data/manifest/duplicate_ids.h"
#include "data/report/json_parts.h"
#include "data/report/sections.h"

namespace atelier {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kSitesListed = 50, kDuplicatesListed = 20, kExamples = 5;

/// Posts whose records name the same file, or the same pixels.
Json known_duplicates(const Manifest& manifest, const char* by, std::string_view (Manifest::*hash)(int64_t) const) {
  std::vector<IdHash> found;
  int64_t row = 0;
  for (int64_t b = 0; b < manifest.batch_count(); ++b) {
    for (const int64_t end = row + manifest.batch(b).rows; row < end; ++row) {
      if (const std::string_view own = (manifest.*hash)(row); !own.empty()) found.push_back(hash_id(own));
    }
    manifest.release(b);
  }
  std::ranges::sort(found, {}, [](const IdHash& each) { return std::pair(each.high, each.low); });
  int64_t groups = 0, surplus = 0;
  for (size_t i = 1; i < found.size(); ++i) {
    if (!(found[i] == found[i - 1])) continue;
    ++surplus;
    groups += i == 1 || !(found[i - 1] == found[i - 2]);
  }
  return {{"by", by}, {"posts", found.size()}, {"groups", groups}, {"surplus", surplus}};
}

}  // namespace

std::string duplicates_section(const ReportInput& input, const PostCounts& counts) {
  std::array<int64_t, 3> left_out{};
  Json examples = Json::array(), by_kind;
  for (const DuplicateRow& each : input.duplicates) {
    ++left_out[static_cast<size_t>(each.kind)];
    if (examples.size() == kDuplicatesListed) continue;
    examples.push_back({{"id", input.manifest.id(each.row)},
                        {"kept", input.manifest.id(each.kept)},
                        {"kind", duplicate_kind_name(each.kind)},
                        {"distance", each.distance}});
  }
  for (size_t kind = 0; kind < left_out.size(); ++kind) {
    by_kind[std::string(duplicate_kind_name(static_cast<DuplicateKind>(kind)))] = left_out[kind];
  }
  std::array<Json, 2> known;
  parallel_for(std::ssize(known), 0, [&](int64_t i) {
    known[static_cast<size_t>(i)] = i == 0 ? known_duplicates(input.manifest, "md5", &Manifest::md5)
                                           : known_duplicates(input.manifest, "pixel_hash", &Manifest::pixel_hash);
  });
  const Json json = {{"method", input.options.select.dedup.method},
                     {"left_out", std::move(by_kind)},
                     {"examples", std::move(examples)},
                     {"known", Json::array({known[0], known[1]})},
                     {"with_parent", tally_json<Json>(counts.with_parent)}};
  return json_text(json);
}

std::string quarantine_section(const ReportInput& input) {
  std::map<std::string, std::vector<const Quarantined*>> examples;
  for (const Quarantined& each : input.quarantined) examples[each.reason].push_back(&each);
  Json json = Json::array();
  for (const auto& [reason, samples] : input.manifest.summary().total().quarantined) {
    Json listed = Json::array();
    const std::vector<const Quarantined*>& of_reason = examples[reason];
    for (size_t i = 0; i < std::min(of_reason.size(), kExamples); ++i) {
      listed.push_back({{"source", of_reason[i]->source}, {"id", of_reason[i]->id}, {"detail", of_reason[i]->detail}});
    }
    json.push_back({{"reason", reason}, {"samples", samples}, {"examples", std::move(listed)}});
  }
  return json_text(json);
}

std::string licence_section(const ReportInput& input, const PostCounts& counts) {
  std::vector<std::pair<std::string, Tally>> sites(counts.sites.begin(), counts.sites.end());  // by name
  std::ranges::stable_sort(sites, std::ranges::greater{}, [](const auto& site) { return site.second.posts; });
  Json listed = Json::array();
  Tally further;
  for (size_t i = 0; i < sites.size(); ++i) {
    if (i < kSitesListed)
      listed.push_back(with_tally(Json{{"site", sites[i].first}}, sites[i].second));
    else
      further.add(sites[i].second);
  }
  Json excluded;
  for (const Exclusion reason :
       {Exclusion::kOptOutArtist, Exclusion::kOptOutSource, Exclusion::kOptOutPost, Exclusion::kBanned}) {
    excluded[std::string(exclusion_name(reason))] = std::ranges::count(input.selection.exclusions, reason);
  }
  const auto artist = static_cast<size_t>(TagCategory::kArtist);
  const Tally without_artist{counts.posts.posts - counts.with_tag[artist].posts,
                             counts.posts.usable - counts.with_tag[artist].usable};
  const OptOutOptions& lists = input.options.select.opt_out;
  const size_t further_sites = sites.size() - std::min(sites.size(), kSitesListed);
  const Json json = {{"sites", std::move(listed)},
                     {"further_sites", with_tally(Json{{"sites", further_sites}}, further)},
                     {"without_source", tally_json<Json>(counts.without_source)},
                     {"without_artist", tally_json<Json>(without_artist)},
                     {"deleted", tally_json<Json>(counts.deleted)},
                     {"banned", tally_json<Json>(counts.banned)},
                     {"pending", tally_json<Json>(counts.pending)},
                     {"opt_outs",
                      {{"artists", lists.artists.has_value()},
                       {"sources", lists.sources.has_value()},
                       {"posts", lists.posts.has_value()},
                       {"excluded", std::move(excluded)}}},
                     {"excluded_minors", input.manifest.summary().total().excluded_minors}};
  return json_text(json);
}

}  // namespace atelier
