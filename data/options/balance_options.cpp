#include "data/options/balance_options.h"

namespace atelier {

void describe(Section& section, BalanceClassOptions& options) {
  section.field("name", options.name).doc("What the class is called in `target` and in reports.");
  section.field("tags", options.tags)
      .doc("Tag expression, as in `dataset.select.tags`, of the posts that belong to it.");
}

void describe(Section& section, MarginalOptions& options) {
  section.field("by", options.by)
      .choices({"person_class", "group_size", "rating", "year", "artist", "character", "copyright", "classes"})
      .doc(
          "What splits the posts into classes. year: UTC, or unknown. artist, character, copyright: one class a tag; a "
          "post with several belongs to the rarest of those that `target` names, else to the rarest, and one without "
          "to `none`; those that a `target` does not name are one class, `others`. classes: the list below.");
  section.sections("classes", options.classes)
      .doc(
          "For `by: classes`: {name, tags} each. A post belongs to the first whose tag expression fits, else to "
          "`others`.");
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
  section.field("mixing", options.mixing)
      .range(0, 1)
      .doc("How much of the target or temperature: shares are (1 - mixing) x natural + mixing x wanted.");
  section.field("others", options.others)
      .choices({"rest", "drop"})
      .doc("Classes that `target` does not name: they share the rest, or are left out.");
}

void describe(Section& section, RepeatFactorOptions& options) {
  section.field("threshold", options.threshold)
      .range(0, 1)
      .doc(
          "t of LVIS' repeat factor max over a post's tags of max(1, sqrt(t / f)), f being the share of posts that "
          "carry the tag: posts of tags rarer than t are seen more often; 0.001 is usual, null is off. Comes before "
          "`target`, so within a class; with `epoch: cover` alone the factors are the repeats.");
  section.field("categories", options.categories)
      .choices({"general", "artist", "copyright", "character", "meta"})
      .doc("Tags that count for it.");
  section.field("min_count", options.min_count)
      .range(1, 1e9)
      .unit("posts")
      .doc("Tags of fewer posts do not count: rarer ones are often slips.");
}

void describe(Section& section, BalanceOptions& options) {
  describe(section, static_cast<MarginalOptions&>(options));
  section.sections("rake", options.rake)
      .doc(
          "Further divisions whose shares hold at the same time, by iterative proportional fitting. One without target "
          "and temperature keeps its natural shares: {by: rating} keeps ratings as they are while person classes "
          "change.");
  section.section("repeat_factor", options.repeat_factor).doc("Lifts posts of rare tags.");
  section.field("max_repeat", options.max_repeat)
      .range(1, 1000)
      .doc(
          "No post is repeated more often an epoch (before the sources' repeats); what this cuts off goes to the "
          "others in proportion.");
  section.field("epoch", options.epoch)
      .choices({"natural", "cover"})
      .doc(
          "natural: an epoch keeps its length, so frequent classes rotate; cover: an epoch grows until no repeat is "
          "below 1.");
  section.field("apply", options.apply)
      .choices({"repeats", "loss_weight"})
      .doc(
          "repeats: posts are seen more or less often. loss_weight: every post is seen once, its loss is multiplied "
          "instead (mean 1 over an epoch); same gradient on average, more noise.");
}

}  // namespace atelier
