#include "data/report/report.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <mutex>

#include "configs/base/thread_pool.h"
#include "data/ingest/timestamp.h"

namespace atelier {
namespace {

/// What is counted of the batches that one thread goes through; all adds up.
class Counter {
 public:
  Counter(const Manifest& manifest, const Selection& selection)
      : manifest_(manifest), selection_(selection), tag_usable_(static_cast<size_t>(manifest.dictionary().size())) {}

  void add(int64_t batch_index) {
    const ManifestBatch batch = manifest_.batch(batch_index);
    for (int64_t i = 0; i < batch.rows; ++i) add_row(batch, i);
  }

  void merge_into(Report& report, std::vector<int64_t>& tag_usable) const {
    add_tally(report_.posts, report.posts);
    add_tally(report_.without_date, report.without_date);
    add_tally(report_.with_caption, report.with_caption);
    add_tally(report_.without_tags, report.without_tags);
    report.person_conflicts += report_.person_conflicts;
    for (size_t r = 0; r < kRatingCount; ++r) add_tally(report_.ratings[r], report.ratings[r]);
    for (const auto& [year, tally] : report_.years) add_tally(tally, report.years[year]);
    for (size_t f = 0; f < formats_.size(); ++f) {
      const auto format = static_cast<ImageFormat>(f);
      if (formats_[f].posts) add_tally(formats_[f], report.formats[std::string(image_format_name(format))]);
    }
    for (size_t c = 0; c < kPersonClassCount; ++c) {
      add_tally(report_.classes[c].tally, report.classes[c].tally);
      report.classes[c].inferred += report_.classes[c].inferred;
      for (size_t g = 0; g < kGroupSizeCount; ++g) {
        add_tally(report_.classes[c].group_sizes[g], report.classes[c].group_sizes[g]);
      }
    }
    for (size_t tag = 0; tag < tag_usable.size(); ++tag) tag_usable[tag] += tag_usable_[tag];
  }

 private:
  static void add_tally(const Tally& from, Tally& to) {
    to.posts += from.posts;
    to.usable += from.usable;
  }

  void add_row(const ManifestBatch& batch, int64_t i) {
    const int64_t row = batch.first_row + i;
    const auto at = static_cast<size_t>(i);
    const bool usable = selection_.exclusions[static_cast<size_t>(row)] == Exclusion::kNone;
    const auto count = [usable](Tally& tally) {
      ++tally.posts;
      tally.usable += usable;
    };
    count(report_.posts);
    count(report_.ratings[static_cast<size_t>(batch.rating[at])]);
    count(batch.created_at.has(i) ? year(batch.created_at.values[at]) : report_.without_date);
    if (!manifest_.path(row).empty()) count(formats_[static_cast<size_t>(batch.format[at])]);
    if (!manifest_.caption(row).empty()) count(report_.with_caption);

    const PersonLabel person = manifest_.person(row);
    ClassReport& in_class = report_.classes[static_cast<size_t>(person.person_class)];
    count(in_class.tally);
    count(in_class.group_sizes[static_cast<size_t>(person.group_size)]);
    in_class.inferred += person.inferred;
    report_.person_conflicts += person.conflict;

    size_t tags = 0;
    for (const TagColumn& column : batch.tags) {
      tags += column.at(i).size();
      if (!usable) continue;
      for (const int32_t tag : column.at(i)) ++tag_usable_[static_cast<size_t>(tag)];
    }
    if (tags == 0) count(report_.without_tags);
  }

  /// Posts stand by date in most sources: the year is that of the post before.
  Tally& year(int64_t time) {
    if (!last_year_ || time < year_begin_ || time >= year_end_) {
      const int32_t number = year_of(time);
      last_year_ = &report_.years[number];
      year_begin_ = start_of_year(number);
      year_end_ = start_of_year(number + 1);
    }
    return *last_year_;
  }

  static int64_t start_of_year(int32_t year) {
    return std::chrono::sys_seconds(std::chrono::sys_days(std::chrono::year(year) / 1 / 1)).time_since_epoch().count();
  }

  const Manifest& manifest_;
  const Selection& selection_;
  Report report_;
  std::array<Tally, 256> formats_{};
  std::vector<int64_t> tag_usable_;
  Tally* last_year_ = nullptr;
  int64_t year_begin_ = 0, year_end_ = 0;
};

void count_posts(const Manifest& manifest, const Selection& selection, Report& report,
                 std::vector<int64_t>& tag_usable) {
  std::atomic<int64_t> next{0};
  std::mutex mutex;
  const int threads = static_cast<int>(std::clamp<int64_t>(manifest.batch_count(), 1, available_cores()));
  parallel_for(threads, threads, [&](int64_t) {
    Counter counter(manifest, selection);
    for (int64_t batch; (batch = next++) < manifest.batch_count();) {
      counter.add(batch);
      manifest.release(batch);
    }
    const std::lock_guard lock(mutex);
    counter.merge_into(report, tag_usable);
  });
}

/// The `top` tags of each category. The dictionary is sorted by posts, then by name.
void count_tags(const TagDictionary& tags, const std::vector<int64_t>& usable, size_t top, Report& report) {
  for (int32_t tag = 0; tag < tags.size(); ++tag) {
    CategoryReport& category = report.tags[static_cast<size_t>(tags.category(tag))];
    const Tally tally{tags.count(tag), usable[static_cast<size_t>(tag)]};
    ++category.distinct;
    category.mentions.posts += tally.posts;
    category.mentions.usable += tally.usable;
    if (category.top.size() < top) {
      category.top.push_back({std::string(tags.name(tag)), tally, tags.raw_count(tag)});
    }
  }
}

QuantileReport quantiles(std::vector<double> values) {
  QuantileReport report;
  report.count = static_cast<int64_t>(values.size());
  auto begin = values.begin();
  for (size_t i = 0; i < QuantileReport::kAt.size() && report.count > 0; ++i) {
    const double rank = std::ceil(QuantileReport::kAt[i] * static_cast<double>(values.size()));
    const auto nth = values.begin() + static_cast<int64_t>(std::max(rank - 1, 0.0));
    std::nth_element(begin, nth, values.end());  // what stands before is smaller: the next rank is not there
    report.values[i] = *nth;
    begin = nth;
  }
  return report;
}

/// A number of each post that has one.
struct Measure {
  const char* name;
  std::optional<double> (*of)(const ManifestBatch&, int64_t i);
};

bool has_size(const ManifestBatch& batch, int64_t i) {
  return batch.width[static_cast<size_t>(i)] > 0 && batch.height[static_cast<size_t>(i)] > 0;
}

std::optional<double> known(const OptionalColumn<int32_t>& column, int64_t i) {
  return column.has(i) ? std::optional<double>(column.values[static_cast<size_t>(i)]) : std::nullopt;
}

/// `measure(width, height)` of posts whose size is known.
template <auto measure>
std::optional<double> of_size(const ManifestBatch& batch, int64_t i) {
  if (!has_size(batch, i)) return std::nullopt;
  return measure(static_cast<double>(batch.width[static_cast<size_t>(i)]),
                 static_cast<double>(batch.height[static_cast<size_t>(i)]));
}

constexpr Measure kMeasures[] = {
    {"width", of_size<[](double width, double) { return width; }>},
    {"height", of_size<[](double, double height) { return height; }>},
    {"megapixels", of_size<[](double width, double height) { return width * height / 1e6; }>},
    {"aspect", of_size<[](double width, double height) { return width / height; }>},
    {"score", [](const ManifestBatch& batch, int64_t i) { return known(batch.score, i); }},
    {"fav_count", [](const ManifestBatch& batch, int64_t i) { return known(batch.fav_count, i); }},
    {"tags",
     [](const ManifestBatch& batch, int64_t i) {
       size_t tags = 0;
       for (const TagColumn& column : batch.tags) tags += column.at(i).size();
       return std::optional(static_cast<double>(tags));
     }},
};

/// One measure after another in each thread: all of them at once would be most of the memory.
void measure_posts(const Manifest& manifest, Report& report) {
  report.quantiles.resize(std::size(kMeasures));
  parallel_for(std::ssize(kMeasures), 0, [&](int64_t index) {
    const Measure& measure = kMeasures[index];
    std::vector<double> values;
    values.reserve(static_cast<size_t>(manifest.size()));
    for (int64_t b = 0; b < manifest.batch_count(); ++b) {
      const ManifestBatch batch = manifest.batch(b);
      for (int64_t i = 0; i < batch.rows; ++i) {
        if (const std::optional<double> value = measure.of(batch, i)) values.push_back(*value);
      }
    }
    report.quantiles[static_cast<size_t>(index)] = {measure.name, quantiles(std::move(values))};
  });
}

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
  std::vector<int64_t> tag_usable(static_cast<size_t>(manifest.dictionary().size()));
  count_posts(manifest, selection, report, tag_usable);
  count_tags(manifest.dictionary(), tag_usable, top, report);
  measure_posts(manifest, report);
  if (strata) add_plan(manifest, *strata, report);
  return report;
}

}  // namespace atelier
