#include "data/post_classes.h"

#include <algorithm>
#include <array>
#include <functional>
#include <set>

#include "configs/base/error.h"
#include "configs/base/log.h"
#include "configs/base/text.h"
#include "data/plan/numbering.h"
#include "data/select/tag_expression.h"

namespace atelier {
namespace {

constexpr uint32_t kNoClass = UINT32_MAX;
constexpr int32_t kLastYear = 9999;  // what is beyond is no date

/// Calls class_of(row of the manifest) for all rows, on all cores.
std::vector<uint32_t> each_row(std::span<const int64_t> rows, const std::function<uint32_t(int64_t)>& class_of) {
  std::vector<uint32_t> classes(rows.size());
  for_row_parts(std::ssize(rows), [&](int64_t begin, int64_t end) {
    for (auto i = static_cast<size_t>(begin); i < static_cast<size_t>(end); ++i) classes[i] = class_of(rows[i]);
  });
  return classes;
}

template <size_t n>
std::vector<std::string> names(const std::array<std::string_view, n>& views) {
  return {views.begin(), views.end()};
}

PlanInput::Marginal by_year(const Manifest& manifest, std::span<const int64_t> rows) {
  PlanInput::Marginal marginal{"year", {}, {}};
  marginal.class_of_row = each_row(rows, [&](int64_t row) {
    const int32_t year = manifest.year(row).value_or(0);
    return static_cast<uint32_t>(year > 0 && year <= kLastYear ? year : 0);
  });
  std::vector<uint32_t> number_of_year;
  for (uint32_t& year : marginal.class_of_row) {
    if (year >= number_of_year.size()) number_of_year.resize(year + 1, kNoClass);
    number_of_year[year] = 0;
  }
  for (uint32_t year = 0; year < number_of_year.size(); ++year) {
    if (number_of_year[year] == kNoClass) continue;
    number_of_year[year] = static_cast<uint32_t>(marginal.classes.size());
    marginal.classes.push_back(year == 0 ? "unknown" : std::to_string(year));
  }
  for (uint32_t& year : marginal.class_of_row) year = number_of_year[year];
  return marginal;
}

PlanInput::Marginal by_expressions(const Manifest& manifest, std::span<const int64_t> rows,
                                   const MarginalOptions& options, const std::string& where) {
  PlanInput::Marginal marginal{"classes", {}, {}};
  std::vector<TagExpression> expressions;
  std::set<std::string> seen{"others"};
  for (size_t i = 0; i < options.classes.size(); ++i) {
    const BalanceClassOptions& each = options.classes[i];
    const std::string place = text(where, ".classes[", i, "]");
    if (each.name.empty() || !seen.insert(each.name).second) {
      throw ConfigError(each.name.empty() ? "a class has no name" : text("the class ", each.name, " is there already"),
                        place + ".name", "`others` are the posts that no class takes");
    }
    expressions.emplace_back(each.tags, manifest.dictionary(), place + ".tags");
    marginal.classes.push_back(each.name);
  }
  marginal.classes.push_back("others");
  marginal.class_of_row = each_row(rows, [&](int64_t row) {
    const auto fits = [&](const TagExpression& expression) { return expression.matches(manifest, row); };
    return static_cast<uint32_t>(std::ranges::find_if(expressions, fits) - expressions.begin());
  });
  return marginal;
}

/// The class of each tag of a category: one each, or only those that the target names, the others being one class. The
/// dictionary is sorted by posts: the greatest id is the rarest tag.
struct TagClasses {
  PlanInput::Marginal marginal;
  std::vector<uint32_t> class_of_tag;
  uint32_t none = 0, others = kNoClass;

  TagClasses(const TagDictionary& tags, TagCategory category, const MarginalOptions& options)
      : marginal{options.by, {"none"}, {}}, class_of_tag(static_cast<size_t>(tags.size()), kNoClass) {
    const auto add = [this](std::string name) {
      marginal.classes.push_back(std::move(name));
      return static_cast<uint32_t>(marginal.classes.size() - 1);
    };
    if (!options.target.empty()) others = add("others");
    for (const auto& [name, share] : options.target) {
      if (name == "none" || name == "others") continue;
      const int32_t tag = tags.find(canonical_tag(name));
      if (tag == TagDictionary::kUnknown) log_warning("balance by ", options.by, ": no post has the tag ", name);
      const uint32_t added = add(name);
      if (tag != TagDictionary::kUnknown) class_of_tag[static_cast<size_t>(tag)] = added;
    }
    if (!options.target.empty()) return;
    for (int32_t tag = 0; tag < tags.size(); ++tag) {
      if (tags.category(tag) == category) class_of_tag[static_cast<size_t>(tag)] = add(std::string(tags.name(tag)));
    }
  }

  uint32_t of(std::span<const int32_t> tags) const {
    int32_t rarest = -1;
    for (int32_t tag : tags) {
      if (class_of_tag[static_cast<size_t>(tag)] != kNoClass) rarest = std::max(rarest, tag);
    }
    if (rarest >= 0) return class_of_tag[static_cast<size_t>(rarest)];
    return tags.empty() || others == kNoClass ? none : others;
  }
};

PlanInput::Marginal by_tags(const Manifest& manifest, std::span<const int64_t> rows, TagCategory category,
                            const MarginalOptions& options) {
  TagClasses classes(manifest.dictionary(), category, options);
  classes.marginal.class_of_row = each_row(rows, [&](int64_t row) { return classes.of(manifest.tags(row, category)); });
  return std::move(classes.marginal);
}

TagCategory category_named(const std::string& name) {
  return static_cast<TagCategory>(std::ranges::find(kTagCategoryNames, name) - kTagCategoryNames.begin());
}

}  // namespace

PlanInput::Marginal classify_posts(const Manifest& manifest, std::span<const int64_t> rows,
                                   const MarginalOptions& options, const std::string& where) {
  if ((options.by == "classes") == options.classes.empty()) {
    throw ConfigError(options.classes.empty() ? "by: classes needs classes" : "classes need by: classes",
                      where + ".classes", "{name: solo_girls, tags: \"1girl solo\"}");
  }
  if (options.by == "classes") return by_expressions(manifest, rows, options, where);
  if (options.by == "year") return by_year(manifest, rows);
  const auto by = [&](auto names_of_classes, auto class_of) {
    return PlanInput::Marginal{options.by, names(names_of_classes),
                               each_row(rows, [&](int64_t row) { return static_cast<uint32_t>(class_of(row)); })};
  };
  if (options.by == "person_class") {
    return by(kPersonClassNames, [&](int64_t row) { return manifest.person(row).person_class; });
  }
  if (options.by == "group_size") {
    return by(kGroupSizeNames, [&](int64_t row) { return manifest.person(row).group_size; });
  }
  if (options.by == "rating") return by(kRatingNames, [&](int64_t row) { return manifest.rating(row); });
  return by_tags(manifest, rows, category_named(options.by), options);
}

std::vector<uint32_t> rarest_tag_posts(const Manifest& manifest, std::span<const int64_t> rows,
                                       const RepeatFactorOptions& options) {
  const auto tags_of = [&](int64_t row, auto visit) {
    for (const std::string& name : options.categories) {
      for (int32_t tag : manifest.tags(row, category_named(name))) visit(static_cast<size_t>(tag));
    }
  };
  std::vector<uint32_t> posts(static_cast<size_t>(manifest.dictionary().size()), 0);
  for (int64_t row : rows) tags_of(row, [&](size_t tag) { ++posts[tag]; });
  return each_row(rows, [&](int64_t row) {
    uint32_t rarest = 0;
    tags_of(row, [&](size_t tag) {
      if (posts[tag] >= options.min_count && (rarest == 0 || posts[tag] < rarest)) rarest = posts[tag];
    });
    return rarest;
  });
}

}  // namespace atelier
