// Pieces that several sections of report.json have; `Json` is the library's type, which headers do not name.
#pragma once

#include <string>
#include <vector>

#include "data/report/post_counts.h"
#include "data/report/quantiles.h"

namespace atelier {

inline double share_of(double part, double whole) { return whole > 0 ? part / whole : 0; }

template <typename Json>
Json tally_json(const Tally& tally) {
  return {{"posts", tally.posts}, {"usable", tally.usable}};
}

/// `json` with a pair's two keys.
template <typename Json>
Json with_tally(Json json, const Tally& tally) {
  json["posts"] = tally.posts;
  json["usable"] = tally.usable;
  return json;
}

template <typename Json>
Json quantiles_json(const Quantiles& quantiles) {
  Json json = {{"count", quantiles.count}};
  for (size_t i = 0; i < Quantiles::kKeys.size() && quantiles.count > 0; ++i) {
    const double value = quantiles.values[i];
    const auto whole = static_cast<int64_t>(value);
    json[std::string(Quantiles::kKeys[i])] = static_cast<double>(whole) == value ? Json(whole) : Json(value);
  }
  return json;
}

/// `fill(bin, i)` adds what bin i holds; the last bin has no end.
template <typename Json, typename Fill>
Json histogram_json(const std::vector<double>& edges, Fill fill) {
  Json bins = Json::array();
  for (size_t i = 0; i < edges.size(); ++i) {
    Json bin = {{"from", edges[i]}, {"to", i + 1 < edges.size() ? Json(edges[i + 1]) : Json()}};
    fill(bin, i);
    bins.push_back(std::move(bin));
  }
  return bins;
}

template <typename Json>
Json tally_histogram_json(const std::vector<double>& edges, const std::vector<Tally>& tallies) {
  return histogram_json<Json>(edges, [&](Json& bin, size_t i) { bin = with_tally(std::move(bin), tallies[i]); });
}

/// Bytes that are no UTF-8 become U+FFFD.
template <typename Json>
std::string json_text(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace atelier
