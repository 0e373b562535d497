// How often an epoch shows each artist, character and copyright, and how few hold how much of it.
#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>

#include "data/report/json_parts.h"
#include "data/report/sections.h"

namespace atelier {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kTagsListed = 1000;
constexpr size_t kLorenzSteps = 20;

struct Exposed {
  int32_t tag = 0;
  uint64_t samples = 0;  // in PostCounts::kSampleUnit
};

double in_samples(uint64_t units) { return static_cast<double>(units) * PostCounts::kSampleUnit; }

/// (sum over i of (2 i - n - 1) x_i) / (n sum x), x ascending, i from 1. `exposed` stands in descending order.
double gini(const std::vector<Exposed>& exposed, double total) {
  const auto n = static_cast<double>(exposed.size());
  double sum = 0;
  for (size_t i = 0; i < exposed.size(); ++i) {
    const double rank = n - static_cast<double>(i);
    sum += (2 * rank - n - 1) * in_samples(exposed[i].samples);
  }
  return total > 0 ? sum / (n * total) : 0;
}

/// Shares of the samples that the lowest shares of the tags have.
Json lorenz(const std::vector<Exposed>& exposed, double total) {
  Json points = Json::array();
  if (exposed.empty()) return points;
  uint64_t below = 0;
  size_t taken = 0;
  for (size_t step = 0; step <= kLorenzSteps; ++step) {
    for (; taken < exposed.size() * step / kLorenzSteps; ++taken) below += exposed[exposed.size() - 1 - taken].samples;
    points.push_back(
        {{"tags", static_cast<double>(step) / kLorenzSteps}, {"samples", share_of(in_samples(below), total)}});
  }
  return points;
}

Json category_json(const ReportInput& input, const PostCounts& counts, TagCategory category) {
  const TagDictionary& tags = input.manifest.dictionary();
  std::vector<Exposed> exposed;
  uint64_t units = 0;
  for (int32_t tag = 0; tag < tags.size(); ++tag) {
    const auto at = static_cast<size_t>(tag);
    if (tags.category(tag) != category || counts.tag_usable[at] == 0) continue;
    exposed.push_back({tag, counts.tag_samples[at]});
    units += counts.tag_samples[at];
  }
  std::ranges::sort(exposed, [&](const Exposed& a, const Exposed& b) {
    return a.samples != b.samples ? a.samples > b.samples : tags.name(a.tag) < tags.name(b.tag);
  });
  const double total = in_samples(units);
  Json top = Json::array();
  uint64_t first_percent = 0, rest_samples = 0;
  int64_t rest_posts = 0;
  for (size_t i = 0; i < exposed.size(); ++i) {
    const int64_t posts = counts.tag_usable[static_cast<size_t>(exposed[i].tag)];
    if (i < (exposed.size() + 99) / 100) first_percent += exposed[i].samples;
    if (i < kTagsListed) {
      top.push_back(
          {{"tag", tags.name(exposed[i].tag)}, {"posts", posts}, {"samples", in_samples(exposed[i].samples)}});
    } else {
      rest_posts += posts, rest_samples += exposed[i].samples;
    }
  }
  const int64_t with = counts.with_tag[static_cast<size_t>(category)].usable;
  return {{"distinct", exposed.size()},
          {"with", with},
          {"without", counts.posts.usable - with},
          {"samples", total},
          {"top_1_percent", share_of(in_samples(first_percent), total)},
          {"gini", gini(exposed, total)},
          {"lorenz", lorenz(exposed, total)},
          {"top", std::move(top)},
          {"rest",
           {{"tags", exposed.size() - std::min(exposed.size(), kTagsListed)},
            {"posts", rest_posts},
            {"samples", in_samples(rest_samples)}}}};
}

}  // namespace

std::string exposure_section(const ReportInput& input, const PostCounts& counts) {
  Json json;
  for (const TagCategory category : {TagCategory::kArtist, TagCategory::kCharacter, TagCategory::kCopyright}) {
    json[std::string(kTagCategoryNames[static_cast<size_t>(category)])] = category_json(input, counts, category);
  }
  return json_text(json);
}

}  // namespace atelier
