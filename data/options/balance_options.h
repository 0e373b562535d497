// `dataset.balance`: how often the classes of posts are seen.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "configs/schema/field.h"

namespace atelier {

/// A class that is named by a tag expression (`by: classes`).
struct BalanceClassOptions {
  std::string name;
  std::string tags;
};

/// One division of the posts into classes, and the shares that the classes shall have.
struct MarginalOptions {
  std::string by = "person_class";
  std::vector<BalanceClassOptions> classes;
  std::map<std::string, double> target;
  std::optional<double> temperature;
  double mixing = 1;
  std::string others = "rest";

  /// Whether it asks for shares of its own; else the natural ones are meant.
  bool has_shares() const { return !target.empty() || temperature.has_value(); }
};

/// LVIS' repeat factor: posts of rare tags are seen more often.
struct RepeatFactorOptions {
  std::optional<double> threshold;
  std::vector<std::string> categories = {"artist", "character"};
  int64_t min_count = 1;
};

/// The shares of its own base come first; `rake` holds further ones at the same time.
struct BalanceOptions : MarginalOptions {
  std::vector<MarginalOptions> rake;
  RepeatFactorOptions repeat_factor;
  double max_repeat = 5;
  std::string epoch = "natural";
  std::string apply = "repeats";

  /// Otherwise every post is used once an epoch (times its source's repeats).
  bool active() const { return has_shares() || !rake.empty() || repeat_factor.threshold.has_value(); }
};

void describe(Section& section, BalanceClassOptions& options);
void describe(Section& section, MarginalOptions& options);
void describe(Section& section, RepeatFactorOptions& options);
void describe(Section& section, BalanceOptions& options);

}  // namespace atelier
