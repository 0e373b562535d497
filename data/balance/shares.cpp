#include "data/balance/shares.h"

#include <algorithm>
#include <cmath>

#include "configs/base/error.h"
#include "configs/base/text.h"

namespace atelier {
namespace {

constexpr double kShareTolerance = 1e-9;  // 0.4 + 0.3 + 0.3 is not quite 1
constexpr size_t kNamesListed = 20;

/// Sums of shares as people write them: 1.2, not 1.2000000000000002.
std::string rounded(double share) { return shortest(std::round(share * 1e6) / 1e6); }

void check_names(std::span<const ClassCount> classes, const MarginalOptions& options, const std::string& where) {
  std::vector<std::string> names;
  for (const ClassCount& each : classes) names.push_back(each.name);
  for (const auto& [name, share] : options.target) {
    if (std::find(names.begin(), names.end(), name) != names.end()) continue;
    const std::string nearest = nearest_word(name, names);
    names.resize(std::min(names.size(), kNamesListed));
    throw ConfigError(text("\"", name, "\" is no class of ", options.by), text(where, ".target.", name),
                      nearest.empty() ? text("classes: ", join(names, ", ")) : text("did you mean \"", nearest, "\"?"));
  }
}

/// Shares as the options name them; classes not named get `rest` in natural proportion.
std::vector<double> target_shares(std::span<const ClassCount> classes, const MarginalOptions& options,
                                  const std::string& where) {
  check_names(classes, options, where);
  double named = 0;
  for (const auto& [name, share] : options.target) named += share;
  if (named > 1 + kShareTolerance) {
    throw ConfigError(text("the shares add up to ", rounded(named), ", more than 1"), where + ".target");
  }
  int64_t other_posts = 0;
  for (const ClassCount& each : classes) {
    if (!options.target.contains(each.name)) other_posts += each.posts;
  }
  const double rest = 1 - named;
  if (options.others == "rest" && other_posts > 0 && rest <= kShareTolerance) {
    throw ConfigError(text("the shares leave nothing for ", grouped(other_posts), " posts of classes not named"),
                      where + ".target", "lower the shares, or leave the other classes out with others: drop");
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

std::vector<double> power_shares(std::span<const ClassCount> classes, double exponent) {
  std::vector<double> shares;
  for (const ClassCount& each : classes) {
    shares.push_back(each.posts > 0 ? std::pow(static_cast<double>(each.posts), exponent) : 0);
  }
  return shares;
}

/// Scaled to a sum of 1; returns the sum before.
double normalize(std::vector<double>& shares) {
  double sum = 0;
  for (double share : shares) sum += share;
  if (sum > 0) {
    for (double& share : shares) share /= sum;
  }
  return sum;
}

}  // namespace

WantedShares wanted_shares(std::span<const ClassCount> classes, const MarginalOptions& options,
                           const std::string& where) {
  if (options.temperature && !options.target.empty()) {
    throw ConfigError("target and temperature are two ways to say the same", where + ".temperature",
                      "keep one of them");
  }
  WantedShares wanted;
  wanted.shares = options.target.empty() ? power_shares(classes, 1 / options.temperature.value_or(1))
                                         : target_shares(classes, options, where);
  for (size_t g = 0; g < classes.size(); ++g) {
    if (classes[g].posts > 0) continue;
    if (wanted.shares[g] > 0) wanted.unreachable.push_back(classes[g].name);
    wanted.shares[g] = 0;
  }
  if (normalize(wanted.shares) <= 0) {
    throw ConfigError("no class with a share has posts", where + ".target",
                      "see `atelier dataset stats` for what there is");
  }
  if (options.mixing < 1) {
    std::vector<double> natural = power_shares(classes, 1);
    normalize(natural);
    for (size_t g = 0; g < natural.size(); ++g) {
      wanted.shares[g] = (1 - options.mixing) * natural[g] + options.mixing * wanted.shares[g];
    }
  }
  return wanted;
}

}  // namespace atelier
