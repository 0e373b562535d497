#include "tools/atelier_data/plan_table.h"

#include <algorithm>
#include <string_view>

#include "configs/base/text.h"
#include "data/report/text_table.h"

namespace atelier {
namespace {

constexpr size_t kAllShown = 12;  // classes: a division of so few is shown whole

std::string figures(const PlanReport& report) {
  TextTable table({"plan", ""});
  const auto add = [&table](std::string name, std::string value) { table.add({std::move(name), std::move(value)}); };
  add("steps", grouped(report.steps));
  add("epochs begun", grouped(report.epochs));
  add("samples in the run", grouped(report.samples));
  add("samples an epoch, mean", fixed_decimals(report.samples_per_epoch, 1));
  add("samples a batch", grouped(report.batch_size));
  add("batches", grouped(report.batches));
  add("short batches", grouped(report.short_batches));
  add("fill of the batches", percent(report.fill));
  add("padding samples of weight 0", grouped(report.padding));
  add("usable pictures", grouped(report.pictures));
  add("never reached", grouped(report.unreached));
  if (report.left_out > 0) add("of them in no epoch (repeats 0, limits of resolutions)", grouped(report.left_out));
  if (report.reg_samples > 0) add("samples of regularisation pictures", grouped(report.reg_samples));
  add("uses of a picture in the run, mean", fixed_decimals(report.mean_exposure, 2));
  add("uses of a picture in the run, most", grouped(report.largest_exposure));
  add("largest repeat of a picture an epoch", fixed_decimals(report.largest_repeat, 3));
  add("area cropped away, mean of the samples", percent(report.crop_loss));
  return table.str();
}

std::string resolutions(const PlanReport& report) {
  TextTable table({"resolution", "repeats", "pictures", "samples", "enlarged", "most", "small *", "cut *"});
  bool any_out = false;
  for (const PlanReport::Resolution& each : report.resolutions) {
    any_out |= each.upscaled_out + each.cropped_out > 0;
    table.add({text(each.resolution, " px"), fixed_decimals(each.repeats, 2), grouped(each.pictures),
               grouped(each.samples), grouped(each.upscaled), fixed_decimals(each.largest_upscale, 2) + "x",
               grouped(each.upscaled_out), grouped(each.cropped_out)});
  }
  const std::string_view note = "* pictures that max_upscale and max_crop_loss keep from this resolution\n";
  return any_out ? text(table.str(), note) : table.str();
}

std::string balance_figures(const PlanReport& report) {
  TextTable table({report.as_loss_weights ? "balance, as loss weights" : "balance", ""});
  table.add({"effective sample size, pictures", fixed_decimals(report.effective_posts, 1)});
  table.add({"moved to others by max_repeat", percent(report.cut_off)});
  if (report.rake_rounds > 0) {
    table.add({"rounds of raking", grouped(report.rake_rounds)});
    table.add({"largest miss of a share by raking", text(fixed_decimals(100 * report.rake_error, 4), " %")});
  }
  return table.str();
}

/// What a table of the first `top` rows leaves out, in words.
template <typename Row>
std::string note_of_rest(const std::vector<Row>& rows, size_t top, std::string_view what) {
  if (rows.size() <= top) return "";
  return text("and ", grouped(static_cast<int64_t>(rows.size() - top)), " ", what, "; --top shows more, --json all\n");
}

std::string classes(const PlanReport::Marginal& marginal, size_t most) {
  std::vector<PlanReport::Class> present;
  for (const PlanReport::Class& each : marginal.classes) {
    if (each.posts > 0) present.push_back(each);
  }
  const size_t top = present.size() <= kAllShown ? present.size() : most;
  if (present.size() > top) {
    std::stable_sort(present.begin(), present.end(),
                     [](const PlanReport::Class& a, const PlanReport::Class& b) { return a.samples > b.samples; });
  }
  TextTable table({marginal.by, "pictures", "natural", "wanted", "reached", "repeats"});
  for (size_t i = 0; i < std::min(top, present.size()); ++i) {
    const PlanReport::Class& each = present[i];
    table.add({each.name, grouped(each.posts), percent(each.natural), each.wanted ? percent(*each.wanted) : "-",
               percent(each.reached), fixed_decimals(each.repeats, 3)});
  }
  std::string out = table.str() + note_of_rest(present, top, "classes");
  for (const std::string& name : marginal.unreachable) out += text("no picture for ", name, "\n");
  return out;
}

std::string buckets(const PlanReport& report) {
  const bool several = report.resolutions.size() > 1;
  TextTable table({several ? "bucket (resolution)" : "bucket", "pictures", "samples", "batches", "short", "fill"});
  bool any_small = false;
  for (const PlanReport::Bucket& bucket : report.buckets) {
    any_small |= bucket.small;
    table.add({text(bucket.size.width, "x", bucket.size.height, several ? text(" (", bucket.resolution, ")") : "",
                    bucket.small ? " *" : ""),
               grouped(bucket.posts), grouped(bucket.use.samples), grouped(bucket.use.batches),
               grouped(bucket.use.short_batches), percent(bucket.fill)});
  }
  const std::string_view note = "* less than one batch an epoch; merge_small_buckets: true joins such to others\n";
  return any_small ? text(table.str(), note) : table.str();
}

std::string captions(const CaptionStatistics& statistics) {
  const auto of_all = [&](int64_t count) {
    return percent(static_cast<double>(count) / static_cast<double>(std::max<int64_t>(1, statistics.captions())));
  };
  TextTable table({"captions", ""});
  table.add({"samples whose captions were looked at", grouped(statistics.captions())});
  table.add({"tokens with begin and end, mean", fixed_decimals(statistics.mean_tokens(), 1)});
  table.add({"tokens with begin and end, most", grouped(statistics.most_tokens())});
  table.add({"cut, as longer than the text encoders take", of_all(statistics.truncated())});
  table.add({"empty", of_all(statistics.empty())});
  return table.str();
}

std::string exposures(const ExposureList& list, size_t top) {
  TextTable table({list.category, "pictures", "never seen", "samples", "uses a picture"});
  for (size_t i = 0; i < std::min(top, list.tags.size()); ++i) {
    const TagExposure& each = list.tags[i];
    table.add({each.name, grouped(each.pictures), grouped(each.unreached), grouped(each.samples),
               fixed_decimals(static_cast<double>(each.samples) / static_cast<double>(each.pictures), 2)});
  }
  return table.str() + note_of_rest(list.tags, top, "more");
}

}  // namespace

std::string plan_table(const PlanFindings& findings, size_t top) {
  const PlanReport& report = findings.report;
  std::string out = text(figures(report), "\n", resolutions(report), "\n", balance_figures(report));
  for (const PlanReport::Marginal& marginal : report.marginals) out += "\n" + classes(marginal, top);
  out += text("\n", buckets(report), "\n", captions(findings.captions));
  for (const ExposureList& list : findings.exposure) {
    if (!list.tags.empty()) out += "\n" + exposures(list, top);
  }
  return out;
}

}  // namespace atelier
