// Tags by category: the most frequent, the long tail, and which lean to which class of people.
#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>

#include "data/post/person_class.h"
#include "data/report/json_parts.h"
#include "data/report/sections.h"

namespace atelier {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kTagsListed = 1000, kLeaningListed = 20;
constexpr int64_t kLeastTogether = 25;  // posts
constexpr std::array<int64_t, 3> kRare = {25, 100, 1000};

/// 1, about every quarter of an octave, and the last.
std::vector<size_t> ranks_shown(size_t last) {
  std::vector<size_t> ranks;
  for (int quarter = 0;; ++quarter) {
    const auto rank = static_cast<size_t>(std::llround(std::exp2(quarter / 4.0)));
    if (rank >= last) break;
    if (ranks.empty() || rank > ranks.back()) ranks.push_back(rank);
  }
  if (last > 0) ranks.push_back(last);
  return ranks;
}

/// `ids`: the tags of one category, most posts first.
Json category_json(const TagDictionary& tags, const PostCounts& counts, const std::vector<int32_t>& ids) {
  const auto tally = [&](int32_t tag) { return Tally{tags.count(tag), counts.tag_usable[static_cast<size_t>(tag)]}; };
  Tally mentions, rest;
  Json top = Json::array(), curve = Json::array(), rare = Json::array();
  for (size_t i = 0; i < ids.size(); ++i) {
    mentions.add(tally(ids[i]));
    if (i >= kTagsListed) {
      rest.add(tally(ids[i]));
      continue;
    }
    Json line = with_tally(Json{{"tag", tags.name(ids[i])}}, tally(ids[i]));
    line["raw_posts"] = tags.raw_count(ids[i]);
    top.push_back(std::move(line));
  }
  for (const size_t rank : ranks_shown(ids.size())) {
    curve.push_back({{"rank", rank}, {"posts", tags.count(ids[rank - 1])}});
  }
  for (const int64_t below : kRare) {
    const auto first = std::ranges::find_if(ids, [&](int32_t tag) { return tags.count(tag) < below; });
    int64_t posts = 0;
    for (auto tag = first; tag != ids.end(); ++tag) posts += tags.count(*tag);
    const auto few = static_cast<double>(ids.end() - first);
    rare.push_back({{"below", below},
                    {"tags", ids.end() - first},
                    {"share", share_of(few, static_cast<double>(ids.size()))},
                    {"mentions", posts},
                    {"mention_share", share_of(static_cast<double>(posts), static_cast<double>(mentions.posts))}});
  }
  return {{"distinct", ids.size()},
          {"mentions", tally_json<Json>(mentions)},
          {"top", std::move(top)},
          {"rest", with_tally(Json{{"tags", ids.size() - std::min(ids.size(), kTagsListed)}}, rest)},
          {"rank_curve", std::move(curve)},
          {"rare", std::move(rare)}};
}

struct Leaning {
  size_t place;  // of PostCounts::lean_tags
  double lift;
};

Json leaning_json(const ReportInput& input, const PostCounts& counts, size_t person_class,
                  const std::vector<bool>& names_people) {
  const TagDictionary& tags = input.manifest.dictionary();
  const double posts = static_cast<double>(counts.classes[person_class].tally.posts);
  std::vector<Leaning> leaning;
  for (size_t i = 0; i < counts.lean_tags.size(); ++i) {
    const int64_t together = counts.lean_posts[i][person_class];
    if (together < kLeastTogether || names_people[i]) continue;
    const double of_all =
        static_cast<double>(tags.count(counts.lean_tags[i])) / static_cast<double>(counts.posts.posts);
    leaning.push_back({i, static_cast<double>(together) / posts / of_all});
  }
  std::ranges::stable_sort(leaning, std::ranges::greater{}, &Leaning::lift);  // among equals: more posts first
  if (leaning.size() > kLeaningListed) leaning.resize(kLeaningListed);
  Json listed = Json::array();
  for (const Leaning& each : leaning) {
    const int32_t tag = counts.lean_tags[each.place];
    listed.push_back({{"tag", tags.name(tag)},
                      {"posts", tags.count(tag)},
                      {"class_posts", counts.lean_posts[each.place][person_class]},
                      {"lift", each.lift}});
  }
  return {{"class", kPersonClassNames[person_class]},
          {"posts", counts.classes[person_class].tally.posts},
          {"tags", std::move(listed)}};
}

}  // namespace

std::string tags_section(const ReportInput& input, const PostCounts& counts) {
  const TagDictionary& tags = input.manifest.dictionary();
  std::array<std::vector<int32_t>, kTagCategoryCount> ids;  // the dictionary is sorted by posts, then by name
  for (int32_t tag = 0; tag < tags.size(); ++tag) ids[static_cast<size_t>(tags.category(tag))].push_back(tag);
  Json json;
  for (size_t c = 0; c < kTagCategoryCount; ++c) {
    json[std::string(kTagCategoryNames[c])] = category_json(tags, counts, ids[c]);
  }
  return json_text(json);
}

std::string lean_section(const ReportInput& input, const PostCounts& counts) {
  const PersonClassifier people(input.manifest.dictionary(), {});
  std::vector<bool> names_people;  // says by itself whom the picture shows
  for (const int32_t tag : counts.lean_tags) {
    const PersonLabel label = people.label(std::span(&tag, 1));
    names_people.push_back(label.person_class != PersonClass::kUnknown && !label.inferred);
  }
  Json json = Json::array();
  for (size_t c = 0; c < kPersonClassCount; ++c) {
    if (counts.classes[c].tally.posts) json.push_back(leaning_json(input, counts, c, names_people));
  }
  return json_text(json);
}

}  // namespace atelier
