// How often a post of each kind is used an epoch, so that the classes have the wanted shares.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "data/options/balance_options.h"

namespace atelier {

/// Posts by cell: a cell is the posts that no division and no repeat factor tells apart.
struct BalanceCells {
  struct Marginal {
    std::string by;
    std::vector<std::string> classes;  // names
    std::vector<uint32_t> class_of_cell;
  };
  std::vector<Marginal> marginals;  // the options' own, then those of `rake`
  std::vector<int64_t> posts;
  std::vector<double> factors;  // repeat factors, by cell; empty: all 1
};

struct Balance {
  struct Class {
    std::string name;
    int64_t posts = 0;
    double natural = 0;            // share of the posts
    std::optional<double> wanted;  // share of the samples; none where nothing is asked of this division
    double repeats = 0;            // of one post an epoch, mean over the class
  };
  struct Marginal {
    std::string by;
    std::vector<Class> classes;
    std::vector<std::string> unreachable;  // classes with a share that no post can carry: the others got it
  };

  std::vector<double> repeats;  // of one post an epoch, by cell; as loss weights: before they are scaled to a mean of 1
  std::vector<Marginal> marginals;
  int rake_rounds = 0;
  double rake_error = 0;       // largest |share - wanted| that raking left, before the cap
  double cut_off = 0;          // share of the epoch that max_repeat took from posts above it and gave to others
  double effective_posts = 0;  // (sum w)^2 / (sum w^2) over the posts' repeats w: what equal weights would be worth
};

/// Shares of the cells: posts x factor, raked to the wanted shares of the marginals (data/balance/rake.h); then repeats
/// under max_repeat (data/balance/water_fill.h). Without any option all repeats are 1. ConfigError: see
/// wanted_shares(); marginals that leave no post.
Balance balance_cells(const BalanceCells& cells, const BalanceOptions& options);

}  // namespace atelier
