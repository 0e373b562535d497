// Who made the pictures: the list that every plan and every model is published with.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "data/dataset.h"

namespace atelier {

struct Credit {
  std::string artist;
  int64_t posts = 0;  // pictures of the artist that the run sees
  int64_t uses = 0;   // how often it sees them, all together
};

/// The artists of what the plan uses, those with most posts first, by name among equals. `uses` is plan.uses(): taken
/// as an argument because callers count from it, too.
std::vector<Credit> collect_credits(const Dataset& dataset, const std::vector<uint32_t>& uses);

/// credits.tsv: a line an artist under the names of the columns.
std::string credits_table(const std::vector<Credit>& credits);

}  // namespace atelier
