// Who is in the pictures: natural, wanted and reached shares, and what balance costs.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "data/report/json_parts.h"
#include "data/report/sections.h"

namespace atelier {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kClassesOfADivision = 200;

/// What an epoch has of each class of a division, regularisation pictures aside.
struct ClassUse {
  int64_t posts = 0;
  double samples = 0, weight = 0;  // weight: by loss weight, where balance is applied so
};

/// `class_of(input row)` is below `classes`.
template <typename ClassOf>
std::vector<ClassUse> uses_of_classes(const Strata& strata, size_t classes, ClassOf class_of) {
  std::vector<ClassUse> uses(classes);
  const PlanInput& input = strata.input();
  for (size_t row = 0; row < input.rows.size(); ++row) {
    if (!input.is_reg(row)) ++uses[class_of(row)].posts;
  }
  for (const Stratum& stratum : strata.strata()) {
    const double repeats = stratum.repeats.value();
    for (int64_t entry = stratum.begin; entry < stratum.begin + stratum.posts; ++entry) {
      const uint32_t row = strata.order()[static_cast<size_t>(entry)];
      if (input.is_reg(row)) continue;
      ClassUse& use = uses[class_of(row)];
      use.samples += repeats;
      use.weight += repeats * strata.loss_weight(row);
    }
  }
  return uses;
}

double all_weight(const std::vector<ClassUse>& uses) {
  double all = 0;
  for (const ClassUse& use : uses) all += use.weight;
  return all;
}

/// Adds the five keys about shares and samples of person classes.
void add_shares(const ReportInput& input, Json& classes) {
  const Strata& strata = input.plan->strata();
  const std::vector<ClassUse> uses = uses_of_classes(strata, kPersonClassCount, [&](size_t row) {
    return static_cast<size_t>(input.manifest.person(strata.input().rows[row]).person_class);
  });
  int64_t posts = 0;
  for (const ClassUse& use : uses) posts += use.posts;
  const auto& marginals = strata.balance().marginals;
  const auto balanced = std::ranges::find_if(marginals, [](const Balance::Marginal& each) {
    return each.by == "person_class" && std::ranges::any_of(each.classes, [](auto& c) { return c.wanted.has_value(); });
  });
  for (size_t c = 0; c < kPersonClassCount; ++c) {
    const double natural = share_of(static_cast<double>(uses[c].posts), static_cast<double>(posts));
    double wanted = natural;
    if (balanced != marginals.end()) {
      const auto own = std::ranges::find(balanced->classes, kPersonClassNames[c], &Balance::Class::name);
      wanted = own == balanced->classes.end() ? 0 : own->wanted.value_or(natural);
    }
    classes[c]["natural"] = natural;
    classes[c]["wanted"] = wanted;
    classes[c]["reached"] = share_of(uses[c].weight, all_weight(uses));
    classes[c]["repeats"] = share_of(uses[c].samples, static_cast<double>(uses[c].posts));
    classes[c]["samples"] = uses[c].samples;
  }
}

Json classes_json(const ReportInput& input, const PostCounts& counts) {
  Json classes = Json::array();
  for (size_t c = 0; c < kPersonClassCount; ++c) {
    const PostCounts::Class& counted = counts.classes[c];
    Json json = with_tally(Json{{"class", kPersonClassNames[c]}}, counted.tally);
    json["inferred"] = counted.inferred;
    for (size_t size = 0; size < kGroupSizeCount; ++size) {
      json["group_size"][std::string(kGroupSizeNames[size])] = tally_json<Json>(counted.group_sizes[size]);
    }
    classes.push_back(std::move(json));
  }
  if (input.plan) add_shares(input, classes);
  return classes;
}

Json tallies_of_classes(const ClassTallies& tallies) {
  Json json;
  for (size_t c = 0; c < tallies.size(); ++c) json[std::string(kPersonClassNames[c])] = tally_json<Json>(tallies[c]);
  return json;
}

Json division_json(const Strata& strata, size_t index) {
  const Balance::Marginal& marginal = strata.balance().marginals[index];
  const std::vector<uint32_t>& class_of_row = strata.input().marginals[index].class_of_row;
  const std::vector<ClassUse> uses =
      uses_of_classes(strata, marginal.classes.size(), [&](size_t row) { return class_of_row[row]; });
  const double all = all_weight(uses);
  std::vector<size_t> order;
  for (size_t c = 0; c < marginal.classes.size(); ++c) order.push_back(c);
  std::ranges::stable_sort(order, std::ranges::greater{}, [&](size_t c) { return marginal.classes[c].posts; });
  const size_t listed = std::min(order.size(), kClassesOfADivision);
  Json classes = Json::array();
  for (size_t i = 0; i < listed; ++i) {
    const Balance::Class& each = marginal.classes[order[i]];
    classes.push_back({{"name", each.name},
                       {"posts", each.posts},
                       {"natural", each.natural},
                       {"wanted", each.wanted ? Json(*each.wanted) : Json()},
                       {"reached", share_of(uses[order[i]].weight, all)},
                       {"repeats", each.repeats}});
  }
  const auto further = std::ranges::count_if(order.begin() + static_cast<ptrdiff_t>(listed), order.end(),
                                             [&](size_t c) { return marginal.classes[c].posts > 0; });
  return {{"by", marginal.by},
          {"classes", std::move(classes)},
          {"further_classes", further},
          {"unreachable", marginal.unreachable}};
}

Json balance_json(const ReportInput& input, const PostCounts& counts) {
  const Strata& strata = input.plan->strata();
  const Balance& balance = strata.balance();
  double largest = 0;
  for (const Stratum& stratum : strata.strata()) largest = std::max(largest, stratum.repeats.value());
  Json divisions = Json::array();
  for (size_t i = 0; i < balance.marginals.size(); ++i) divisions.push_back(division_json(strata, i));
  return {{"active", input.options.balance.active()},
          {"apply", strata.has_loss_weights() ? "loss_weight" : "repeats"},
          {"samples_per_epoch", strata.samples_per_epoch()},
          {"largest_repeat", largest},
          {"effective_posts", balance.effective_posts},
          {"effective_share", share_of(balance.effective_posts, static_cast<double>(counts.posts.usable))},
          {"cut_off", balance.cut_off},
          {"rake_rounds", balance.rake_rounds},
          {"rake_error", balance.rake_error},
          {"divisions", std::move(divisions)}};
}

}  // namespace

std::string people_section(const ReportInput& input, const PostCounts& counts) {
  Json by_rating = Json::array(), by_year = Json::array();
  for (size_t r = 0; r < kRatingCount; ++r) {
    by_rating.push_back({{"rating", kRatingNames[r]}, {"classes", tallies_of_classes(counts.classes_by_rating[r])}});
  }
  for (const auto& [year, counted] : counts.years) {
    by_year.push_back({{"year", year}, {"classes", tallies_of_classes(counted.classes)}});
  }
  if (counts.without_date.tally.posts) {
    by_year.push_back({{"year", nullptr}, {"classes", tallies_of_classes(counts.without_date.classes)}});
  }
  Json json = {{"classes", classes_json(input, counts)},
               {"conflicts", counts.person_conflicts},
               {"by_rating", std::move(by_rating)},
               {"by_year", std::move(by_year)}};
  if (input.plan) json["balance"] = balance_json(input, counts);
  return json_text(json);
}

}  // namespace atelier
