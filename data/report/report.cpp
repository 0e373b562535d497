#include "data/report/report.h"

#include <algorithm>
#include <cmath>

namespace atelier {
namespace {

/// One value a post, for quantiles.
struct Samples {
  std::string name;
  std::vector<double> values;
};

QuantileReport quantiles(std::vector<double> values) {
  QuantileReport report;
  report.count = static_cast<int64_t>(values.size());
  if (values.empty()) return report;
  std::ranges::sort(values);
  for (size_t i = 0; i < QuantileReport::kAt.size(); ++i) {
    const double rank = std::ceil(QuantileReport::kAt[i] * static_cast<double>(values.size()));
    report.values[i] = values[static_cast<size_t>(std::max(rank - 1, 0.0))];
  }
  return report;
}

/// Counts row by row.
class Counter {
 public:
  Counter(const Manifest& manifest, Report& report)
      : manifest_(manifest),
        report_(report),
        tag_usable_(static_cast<size_t>(manifest.dictionary().size())),
        values_{{{"width", {}},
                 {"height", {}},
                 {"megapixels", {}},
                 {"aspect", {}},
                 {"score", {}},
                 {"fav_count", {}},
                 {"tags", {}}}} {}

  void add(int64_t row, bool usable) {
    const auto count = [usable](Tally& tally) {
      ++tally.posts;
      tally.usable += usable;
    };
    count(report_.posts);
    count(report_.ratings[static_cast<size_t>(manifest_.rating(row))]);
    const std::optional<int32_t> year = manifest_.year(row);
    count(year ? report_.years[*year] : report_.without_date);
    if (!manifest_.path(row).empty()) count(report_.formats[std::string(image_format_name(manifest_.format(row)))]);
    if (!manifest_.caption(row).empty()) count(report_.with_caption);

    const PersonLabel person = manifest_.person(row);
    ClassReport& in_class = report_.classes[static_cast<size_t>(person.person_class)];
    count(in_class.tally);
    count(in_class.group_sizes[static_cast<size_t>(person.group_size)]);
    in_class.inferred += person.inferred;
    report_.person_conflicts += person.conflict;

    const int64_t tags = add_tags(row, usable);
    if (tags == 0) count(report_.without_tags);
    add_values(row, tags);
  }

  /// The `top` tags of each category, and the quantiles.
  void finish(size_t top) {
    const TagDictionary& tags = manifest_.dictionary();
    for (int32_t tag = 0; tag < tags.size(); ++tag) {  // the dictionary is sorted by posts, then by name
      CategoryReport& category = report_.tags[static_cast<size_t>(tags.category(tag))];
      const Tally tally{tags.count(tag), tag_usable_[static_cast<size_t>(tag)]};
      ++category.distinct;
      category.mentions.posts += tally.posts;
      category.mentions.usable += tally.usable;
      if (category.top.size() < top) category.top.push_back({std::string(tags.name(tag)), tally});
    }
    for (Samples& samples : values_) report_.quantiles.emplace_back(samples.name, quantiles(std::move(samples.values)));
  }

 private:
  int64_t add_tags(int64_t row, bool usable) {
    int64_t total = 0;
    for (int c = 0; c < kTagCategoryCount; ++c) {
      const std::span<const int32_t> tags = manifest_.tags(row, static_cast<TagCategory>(c));
      total += static_cast<int64_t>(tags.size());
      if (!usable) continue;
      for (const int32_t tag : tags) ++tag_usable_[static_cast<size_t>(tag)];
    }
    return total;
  }

  void add_values(int64_t row, int64_t tags) {
    const double width = manifest_.width(row), height = manifest_.height(row);
    if (width > 0 && height > 0) {
      values_[0].values.push_back(width);
      values_[1].values.push_back(height);
      values_[2].values.push_back(width * height / 1e6);
      values_[3].values.push_back(width / height);
    }
    if (const auto score = manifest_.score(row)) values_[4].values.push_back(*score);
    if (const auto favs = manifest_.fav_count(row)) values_[5].values.push_back(*favs);
    values_[6].values.push_back(static_cast<double>(tags));
  }

  const Manifest& manifest_;
  Report& report_;
  std::vector<int64_t> tag_usable_;
  std::array<Samples, 7> values_;
};

/// Shares that the repeats give, and buckets.
void add_plan(const Manifest& manifest, const Strata& strata, Report& report) {
  std::array<double, kPersonClassCount> samples{};
  for (const Stratum& stratum : strata.strata()) {
    for (int64_t entry = stratum.begin; entry < stratum.begin + stratum.posts; ++entry) {
      const uint32_t row = strata.input().rows[strata.order()[static_cast<size_t>(entry)]];
      samples[static_cast<size_t>(manifest.person(row).person_class)] += stratum.repeats.value();
    }
  }
  report.samples_per_epoch = strata.samples_per_epoch();
  for (size_t c = 0; c < report.classes.size(); ++c) {
    ClassReport& in_class = report.classes[c];
    in_class.wanted = static_cast<double>(in_class.tally.usable) / static_cast<double>(strata.input().size());
    in_class.reached = report.samples_per_epoch > 0 ? samples[c] / report.samples_per_epoch : 0;
    in_class.repeats = in_class.tally.usable > 0 ? samples[c] / static_cast<double>(in_class.tally.usable) : 0;
  }
  for (const Balance::Marginal& marginal : strata.balance().marginals) {
    if (marginal.by != "person_class") continue;
    for (size_t c = 0; c < report.classes.size(); ++c) {
      if (marginal.classes[c].wanted) report.classes[c].wanted = marginal.classes[c].wanted;
    }
  }
  for (const Strata::Bucket& bucket : strata.buckets()) {
    report.buckets.push_back({bucket.size.width, bucket.size.height, bucket.posts, bucket.samples_per_epoch});
  }
}

}  // namespace

Report make_report(const Manifest& manifest, const Selection& selection, const Strata* strata, size_t top) {
  Report report;
  report.content_hash = manifest.summary().content_hash;
  report.sources = manifest.summary().sources;
  report.total = manifest.summary().total();
  for (const auto& [reason, rows] : selection.excluded()) report.excluded.emplace_back(exclusion_name(reason), rows);
  Counter counter(manifest, report);
  for (int64_t row = 0; row < manifest.size(); ++row) {
    counter.add(row, selection.exclusions[static_cast<size_t>(row)] == Exclusion::kNone);
  }
  counter.finish(top);
  if (strata) add_plan(manifest, *strata, report);
  return report;
}

}  // namespace atelier
