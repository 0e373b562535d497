#include "data/balance/balance.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "configs/base/error.h"
#include "configs/base/text.h"

namespace atelier {
namespace {

constexpr double kShareTolerance = 1e-9;  // 0.4 + 0.3 + 0.3 is not quite 1

int64_t count_posts(const std::vector<ClassCount>& classes) {
  return std::accumulate(classes.begin(), classes.end(), int64_t{0},
                         [](int64_t sum, const ClassCount& each) { return sum + each.posts; });
}

void check_names(const std::vector<ClassCount>& classes, const BalanceOptions& options) {
  std::vector<std::string> names;
  for (const ClassCount& each : classes) names.push_back(each.name);
  for (const auto& [name, share] : options.target) {
    if (std::find(names.begin(), names.end(), name) != names.end()) continue;
    const std::string nearest = nearest_word(name, names);
    throw ConfigError(text("\"", name, "\" is no class of ", options.by), text("dataset.balance.target.", name),
                      nearest.empty() ? text("classes: ", join(names, ", ")) : text("did you mean \"", nearest, "\"?"));
  }
}

/// Shares as the options name them; classes not named get `rest` in natural proportion.
std::vector<double> target_shares(const std::vector<ClassCount>& classes, const BalanceOptions& options) {
  check_names(classes, options);
  double named = 0;
  for (const auto& [name, share] : options.target) named += share;
  if (named > 1 + kShareTolerance) {
    throw ConfigError(text("the shares add up to ", shortest(named), ", more than 1"), "dataset.balance.target");
  }
  int64_t other_posts = 0;
  for (const ClassCount& each : classes) {
    if (!options.target.contains(each.name)) other_posts += each.posts;
  }
  const double rest = 1 - named;
  if (options.others == "rest" && other_posts > 0 && rest <= kShareTolerance) {
    throw ConfigError(text("the shares leave nothing for ", grouped(other_posts), " posts of classes not named"),
                      "dataset.balance.target", "lower the shares, or leave the other classes out with others: drop");
  }
  std::vector<double> shares;
  for (const ClassCount& each : classes) {
    const auto found = options.target.find(each.name);
    if (found != options.target.end()) {
      shares.push_back(found->second);
    } else {
      const bool dropped = options.others == "drop" || other_posts == 0;
      shares.push_back(dropped ? 0 : rest * static_cast<double>(each.posts) / static_cast<double>(other_posts));
    }
  }
  return shares;
}

std::vector<double> temperature_shares(const std::vector<ClassCount>& classes, double temperature) {
  std::vector<double> shares;
  for (const ClassCount& each : classes) {
    shares.push_back(each.posts > 0 ? std::pow(static_cast<double>(each.posts), 1 / temperature) : 0);
  }
  return shares;
}

/// The wanted shares of the classes that have posts, scaled to 1.
std::vector<double> wanted_shares(const std::vector<ClassCount>& classes, const BalanceOptions& options) {
  std::vector<double> shares =
      options.temperature ? temperature_shares(classes, *options.temperature) : target_shares(classes, options);
  double sum = 0;
  for (size_t g = 0; g < classes.size(); ++g) {
    if (classes[g].posts == 0) shares[g] = 0;
    sum += shares[g];
  }
  if (sum <= 0) {
    throw ConfigError("no class with a share has posts", "dataset.balance.target",
                      "see `atelier dataset stats` for what there is");
  }
  for (double& share : shares) share /= sum;
  return shares;
}

/// The factor f of repeats_g = min(cap, f x t_g / n_g) that makes the epoch `length` samples long: classes reach the
/// cap in the order of t_g / n_g, so fix them one after another and solve for the others.
double fill_factor(const std::vector<ClassCount>& classes, const std::vector<double>& shares, double cap,
                   double length) {
  std::vector<size_t> used;
  for (size_t g = 0; g < classes.size(); ++g) {
    if (shares[g] > 0) used.push_back(g);
  }
  const auto density = [&](size_t g) { return shares[g] / static_cast<double>(classes[g].posts); };
  std::stable_sort(used.begin(), used.end(), [&](size_t a, size_t b) { return density(a) > density(b); });
  double free_share = 1, capped_samples = 0, factor = 0;
  for (size_t g : used) {
    factor = (length - capped_samples) / free_share;
    if (factor * density(g) <= cap) return factor;
    capped_samples += cap * static_cast<double>(classes[g].posts);
    free_share -= shares[g];
  }
  return factor;  // the cap is at least 1, so this is rounding: all are at the cap, and it is 1
}

/// The least factor that repeats every used class at least once.
double cover_factor(const std::vector<ClassCount>& classes, const std::vector<double>& shares) {
  double factor = 0;
  for (size_t g = 0; g < classes.size(); ++g) {
    if (shares[g] > 0) factor = std::max(factor, static_cast<double>(classes[g].posts) / shares[g]);
  }
  return factor;
}

}  // namespace

std::vector<ClassBalance> balance_classes(const std::vector<ClassCount>& classes, const BalanceOptions& options) {
  std::vector<ClassBalance> balance(classes.size());
  const int64_t posts = count_posts(classes);
  if (!options.active()) {
    for (size_t g = 0; g < classes.size(); ++g) {
      balance[g].wanted = posts > 0 ? static_cast<double>(classes[g].posts) / static_cast<double>(posts) : 0;
    }
    return balance;
  }
  if (options.temperature && !options.target.empty()) {
    throw ConfigError("target and temperature are two ways to say the same", "dataset.balance.temperature",
                      "keep one of them");
  }
  if (posts == 0) return balance;
  const std::vector<double> shares = wanted_shares(classes, options);
  double length = 0;
  for (size_t g = 0; g < classes.size(); ++g) {
    if (shares[g] > 0) length += static_cast<double>(classes[g].posts);
  }
  const double factor = options.epoch == "cover" ? cover_factor(classes, shares)
                                                 : fill_factor(classes, shares, options.max_repeat, length);
  for (size_t g = 0; g < classes.size(); ++g) {
    balance[g].wanted = shares[g];
    balance[g].repeats =
        shares[g] > 0 ? std::min(options.max_repeat, factor * shares[g] / static_cast<double>(classes[g].posts)) : 0;
  }
  return balance;
}

}  // namespace atelier
