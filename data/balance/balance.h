// How often a post of each class is used an epoch, so that the classes have the wanted shares.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "data/options/balance_options.h"

namespace atelier {

/// A class of posts before balancing.
struct ClassCount {
  std::string name;
  int64_t posts = 0;
};

struct ClassBalance {
  double wanted = 0;   // share of the samples; over all classes 1
  double repeats = 1;  // uses of one post an epoch, on average
};

/// For n_g posts of class g with wanted share t_g (named in `target`, or its part of the rest in natural proportion, or
/// n_g^(1/T) with a temperature T):
///
///   repeats_g = min(max_repeat, f x t_g / n_g)
///
/// with one factor f for all classes. `epoch: natural` chooses f so that the epoch keeps its length (the number of
/// posts of the classes that are used), which is water-filling: what max_repeat cuts off goes to the other classes in
/// proportion to their shares. `epoch: cover` chooses the least f that leaves no used class below 1; the epoch is as
/// long as that makes it. Classes without posts, and those with share 0, get no repeats.
///
/// ConfigError: a target for an unknown class, shares above 1, no rest while classes without a share have posts (unless
/// `others: drop`), a target together with a temperature.
std::vector<ClassBalance> balance_classes(const std::vector<ClassCount>& classes, const BalanceOptions& options);

}  // namespace atelier
