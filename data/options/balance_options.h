// `dataset.balance`: how often the classes of posts are seen.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "configs/schema/field.h"

namespace atelier {

struct BalanceOptions {
  std::string by = "person_class";
  std::map<std::string, double> target;
  std::optional<double> temperature;
  double max_repeat = 5;
  std::string epoch = "natural";
  std::string others = "rest";

  /// Without a target and a temperature every post is used once an epoch (times its source's repeats).
  bool active() const { return !target.empty() || temperature.has_value(); }
};

inline void describe(Section& section, BalanceOptions& options) {
  section.field("by", options.by).choices({"person_class"}).doc("What splits the posts into classes.");
  section.field("target", options.target)
      .range(0, 1)
      .doc(
          "Wanted share of the samples, class by class: {girl_only: 0.4, boy_only: 0.3}. Classes not named share the "
          "rest in natural proportion.");
  section.field("temperature", options.temperature)
      .range(1, 1e6)
      .doc(
          "Instead of `target`: shares proportional to (posts of the class) ^ (1 / temperature); 1 is natural, large "
          "is uniform.");
  section.field("max_repeat", options.max_repeat)
      .range(1, 1000)
      .doc(
          "No class is repeated more often an epoch (before the sources' repeats); what this cuts off goes to the "
          "other classes.");
  section.field("epoch", options.epoch)
      .choices({"natural", "cover"})
      .doc(
          "natural: an epoch keeps its length, so frequent classes rotate; cover: an epoch grows until no repeat is "
          "below 1.");
  section.field("others", options.others)
      .choices({"rest", "drop"})
      .doc("Classes that `target` does not name: they share the rest, or are left out.");
}

}  // namespace atelier
