#include "data/balance/balance.h"

#include <algorithm>
#include <utility>

#include "configs/base/error.h"
#include "configs/base/log.h"
#include "configs/base/text.h"
#include "data/balance/rake.h"
#include "data/balance/shares.h"
#include "data/balance/water_fill.h"

namespace atelier {
namespace {

constexpr double kRakeTolerance = 1e-9;
constexpr double kErrorWorthAWarning = 1e-4;  // of a share

const MarginalOptions& options_of(const BalanceOptions& options, size_t marginal) {
  return marginal == 0 ? options : options.rake[marginal - 1];
}

/// The options' own division is held only if it asks for shares; those of `rake` always.
bool is_held(const BalanceOptions& options, size_t marginal) { return marginal > 0 || options.has_shares(); }

std::string place_of(size_t marginal) {
  return marginal == 0 ? "dataset.balance" : text("dataset.balance.rake[", marginal - 1, "]");
}

std::vector<ClassCount> count_classes(const BalanceCells& cells, size_t marginal) {
  const BalanceCells::Marginal& division = cells.marginals[marginal];
  std::vector<ClassCount> classes;
  for (const std::string& name : division.classes) classes.push_back({name, 0});
  for (size_t c = 0; c < cells.posts.size(); ++c) classes[division.class_of_cell[c]].posts += cells.posts[c];
  return classes;
}

/// What is there and what is wanted, marginal by marginal.
void describe_marginals(const BalanceCells& cells, const BalanceOptions& options, double posts, Balance& balance) {
  for (size_t m = 0; m < cells.marginals.size(); ++m) {
    Balance::Marginal& marginal = balance.marginals.emplace_back();
    marginal.by = cells.marginals[m].by;
    const std::vector<ClassCount> classes = count_classes(cells, m);
    for (const ClassCount& each : classes) {
      const double natural = posts > 0 ? static_cast<double>(each.posts) / posts : 0;
      marginal.classes.push_back({each.name, each.posts, natural, std::nullopt, 0});
    }
    if (!is_held(options, m) || posts == 0) continue;
    const WantedShares wanted = wanted_shares(classes, options_of(options, m), place_of(m));
    for (size_t g = 0; g < classes.size(); ++g) marginal.classes[g].wanted = wanted.shares[g];
    marginal.unreachable = wanted.unreachable;
  }
}

std::vector<double> natural_weights(const BalanceCells& cells) {
  std::vector<double> weights;
  for (size_t c = 0; c < cells.posts.size(); ++c) {
    weights.push_back(static_cast<double>(cells.posts[c]) * (cells.factors.empty() ? 1 : cells.factors[c]));
  }
  return weights;
}

std::vector<double> raked_shares(const BalanceCells& cells, Balance& balance) {
  std::vector<RakeMarginal> held;
  std::vector<size_t> numbers;
  for (size_t m = 0; m < cells.marginals.size(); ++m) {
    if (!balance.marginals[m].classes.front().wanted) continue;
    RakeMarginal& marginal = held.emplace_back();
    marginal.class_of_cell = cells.marginals[m].class_of_cell;
    for (const Balance::Class& each : balance.marginals[m].classes) marginal.shares.push_back(*each.wanted);
    numbers.push_back(m);
  }
  Raked raked = rake(natural_weights(cells), std::move(held), kRakeTolerance);
  for (size_t i = 0; i < numbers.size(); ++i) {
    Balance::Marginal& marginal = balance.marginals[numbers[i]];
    for (uint32_t g : raked.unreachable[i]) marginal.unreachable.push_back(marginal.classes[g].name);
  }
  balance.rake_rounds = numbers.size() > 1 ? raked.rounds : 0;
  balance.rake_error = raked.error;
  return std::move(raked.shares);
}

/// What the repeats come to: effective posts, mean repeats of the classes.
void add_outcome(const BalanceCells& cells, Balance& balance) {
  double samples = 0, squares = 0;
  for (size_t c = 0; c < cells.posts.size(); ++c) {
    const auto posts = static_cast<double>(cells.posts[c]);
    samples += posts * balance.repeats[c];
    squares += posts * balance.repeats[c] * balance.repeats[c];
    for (size_t m = 0; m < cells.marginals.size(); ++m) {
      balance.marginals[m].classes[cells.marginals[m].class_of_cell[c]].repeats += posts * balance.repeats[c];
    }
  }
  balance.effective_posts = squares > 0 ? samples * samples / squares : 0;
  for (Balance::Marginal& marginal : balance.marginals) {
    for (Balance::Class& each : marginal.classes) each.repeats /= static_cast<double>(std::max<int64_t>(1, each.posts));
  }
}

void warn(const Balance& balance) {
  for (const Balance::Marginal& marginal : balance.marginals) {
    if (marginal.unreachable.empty()) continue;
    log_warning("balance by ", marginal.by, ": no post for ", join(marginal.unreachable, ", "),
                "; the other classes share what it was to have");
  }
  if (balance.rake_error > kErrorWorthAWarning) {
    log_warning("balance: the wanted shares exclude one another, the nearest miss one by ",
                shortest(balance.rake_error), " after ", balance.rake_rounds, " rounds");
  }
}

}  // namespace

Balance balance_cells(const BalanceCells& cells, const BalanceOptions& options) {
  Balance balance;
  double posts = 0;
  for (int64_t count : cells.posts) posts += static_cast<double>(count);
  describe_marginals(cells, options, posts, balance);
  if (!options.active() || posts == 0) {
    balance.repeats.assign(cells.posts.size(), 1);
  } else {
    const std::vector<double> shares = raked_shares(cells, balance);
    if (std::none_of(shares.begin(), shares.end(), [](double share) { return share > 0; })) {
      throw ConfigError("no post has a class with a share in every division", "dataset.balance.rake",
                        "one leaves out what the others need; see `atelier dataset stats` for what there is");
    }
    Repeated repeated = water_fill(cells.posts, shares, options.max_repeat, options.epoch == "cover");
    balance.repeats = std::move(repeated.repeats);
    balance.cut_off = repeated.cut_off;
    warn(balance);
  }
  add_outcome(cells, balance);
  return balance;
}

}  // namespace atelier
