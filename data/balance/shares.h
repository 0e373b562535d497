// The shares that one division of the posts into classes shall have.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "data/options/balance_options.h"

namespace atelier {

/// A class of posts before balancing.
struct ClassCount {
  std::string name;
  int64_t posts = 0;
};

struct WantedShares {
  std::vector<double> shares;            // by class; sum 1, 0 for classes without posts
  std::vector<std::string> unreachable;  // named in `target` with a share, but without posts: the others get it
};

/// With n_g posts of class g, N in all: t_g as `target` names it (classes not named: their part of the rest in natural
/// proportion, or nothing with `others: drop`), or proportional to n_g^(1 / temperature), or n_g / N without either;
/// then (1 - mixing) n_g / N + mixing t_g.
///
/// `where` is the option's place for messages. ConfigError: a target for an unknown class, shares above 1, no rest
/// while classes without a share have posts (unless `others: drop`), a target together with a temperature, no class
/// left.
WantedShares wanted_shares(std::span<const ClassCount> classes, const MarginalOptions& options,
                           const std::string& where);

}  // namespace atelier
