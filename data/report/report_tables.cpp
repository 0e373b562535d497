#include <algorithm>

#include "configs/base/text.h"
#include "data/report/report.h"
#include "data/report/text_table.h"

namespace atelier {
namespace {

constexpr size_t kTagsShown = 15, kBucketsShown = 20;

double share(int64_t part, int64_t whole) {
  return whole > 0 ? static_cast<double>(part) / static_cast<double>(whole) : 0;
}

std::string posts_table(const Report& report) {
  TextTable table({"Posts", "", ""});
  const auto line = [&](std::string name, int64_t count) {
    table.add({std::move(name), grouped(count), percent(share(count, report.total.read))});
  };
  line("read", report.total.read);
  if (report.total.excluded_minors) line("  excluded: minors", report.total.excluded_minors);
  for (const auto& [reason, count] : report.total.quarantined) line("  quarantined: " + reason, count);
  line("counted below", report.posts.posts);
  for (const auto& [reason, count] : report.excluded) line("  left out: " + reason, count);
  line("usable", report.posts.usable);
  return table.str();
}

std::string notes(const Report& report) {
  std::string out;
  const auto note = [&](int64_t count, std::string_view what) {
    if (count) out += text("  ", grouped(count), " ", what, "\n");
  };
  note(report.total.truncated, "truncated pictures (used)");
  note(report.total.animated, "animations (first frame used)");
  note(report.total.without_caption, "pictures without a caption file");
  note(report.total.further_caption_lines, "further caption lines (not used)");
  note(report.total.other_files, "other files in the folders");
  note(report.person_conflicts, "posts whose people tags contradict each other");
  return out.empty() ? out : "Notes\n" + out;
}

std::string class_table(const Report& report) {
  const bool planned = report.classes[0].wanted.has_value();
  std::vector<std::string> header = {"Person class", "posts", "share", "solo", "pair", "group", "usable"};
  if (planned) header.insert(header.end(), {"wanted", "reached", "repeats"});
  TextTable table(std::move(header));
  for (size_t c = 0; c < kPersonClassCount; ++c) {
    const ClassReport& in_class = report.classes[c];
    if (in_class.tally.posts == 0) continue;
    std::vector<std::string> cells = {std::string(kPersonClassNames[c]), grouped(in_class.tally.posts),
                                      percent(share(in_class.tally.posts, report.posts.posts))};
    for (int size = 0; size < 3; ++size)
      cells.push_back(grouped(in_class.group_sizes[static_cast<size_t>(size)].posts));
    cells.push_back(grouped(in_class.tally.usable));
    if (planned) {
      cells.insert(cells.end(),
                   {percent(*in_class.wanted), percent(*in_class.reached), fixed_decimals(in_class.repeats, 2)});
    }
    table.add(std::move(cells));
  }
  return table.str();
}

void add_tally(TextTable& table, std::string name, const Tally& tally, const Report& report) {
  if (tally.posts == 0) return;
  table.add(
      {std::move(name), grouped(tally.posts), percent(share(tally.posts, report.posts.posts)), grouped(tally.usable)});
}

std::string rating_and_year_tables(const Report& report) {
  TextTable ratings({"Rating", "posts", "share", "usable"});
  for (size_t r = 0; r < kRatingCount; ++r) add_tally(ratings, std::string(kRatingNames[r]), report.ratings[r], report);
  TextTable years({"Year", "posts", "share", "usable"});
  for (const auto& [year, tally] : report.years) add_tally(years, std::to_string(year), tally, report);
  add_tally(years, "unknown", report.without_date, report);
  return ratings.str() + "\n" + years.str();
}

std::string tag_tables(const Report& report) {
  std::string out;
  for (size_t c = 0; c < kTagCategoryCount; ++c) {
    const CategoryReport& category = report.tags[c];
    if (category.distinct == 0) continue;
    TextTable table({text("Tags: ", kTagCategoryNames[c], " (", grouped(category.distinct), " different)"), "posts",
                     "share", "usable"});
    for (size_t i = 0; i < std::min(kTagsShown, category.top.size()); ++i) {
      add_tally(table, category.top[i].name, category.top[i].tally, report);
    }
    out += (out.empty() ? "" : "\n") + table.str();
  }
  return out;
}

std::string quantile_table(const Report& report) {
  TextTable table({"Quantiles", "posts", "min", "5 %", "25 %", "50 %", "75 %", "95 %", "max"});
  for (const auto& [name, quantiles] : report.quantiles) {
    if (quantiles.count == 0) continue;
    std::vector<std::string> cells = {name, grouped(quantiles.count)};
    const bool whole = name != "megapixels" && name != "aspect";
    for (const double value : quantiles.values) cells.push_back(fixed_decimals(value, whole ? 0 : 2));
    table.add(std::move(cells));
  }
  return table.str();
}

/// The fullest buckets, and the rest as one line.
std::string bucket_table(const Report& report) {
  if (report.buckets.empty()) return "";
  std::vector<BucketReport> buckets = report.buckets;
  std::ranges::stable_sort(buckets, std::ranges::greater{}, &BucketReport::samples_per_epoch);
  TextTable table({"Bucket", "posts", "samples an epoch", "share"});
  BucketReport rest;
  const auto add = [&](std::string name, const BucketReport& bucket) {
    table.add({std::move(name), grouped(bucket.posts), fixed_decimals(bucket.samples_per_epoch, 1),
               percent(report.samples_per_epoch > 0 ? bucket.samples_per_epoch / report.samples_per_epoch : 0)});
  };
  for (size_t i = 0; i < buckets.size(); ++i) {
    if (i < kBucketsShown) {
      add(text(buckets[i].width, " x ", buckets[i].height), buckets[i]);
    } else {
      rest.posts += buckets[i].posts;
      rest.samples_per_epoch += buckets[i].samples_per_epoch;
    }
  }
  if (rest.posts) add(text(buckets.size() - kBucketsShown, " others"), rest);
  add("all", {0, 0, report.posts.usable, report.samples_per_epoch});
  return table.str();
}

}  // namespace

std::string report_tables(const Report& report) {
  std::string out = posts_table(report);
  for (const std::string& part : {notes(report), class_table(report), rating_and_year_tables(report),
                                  tag_tables(report), quantile_table(report), bucket_table(report)}) {
    if (!part.empty()) out += "\n" + part;
  }
  return out;
}

}  // namespace atelier
