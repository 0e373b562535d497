#include "tools/atelier_data/plan_table.h"

#include <string_view>

#include "configs/base/text.h"
#include "data/report/text_table.h"

namespace atelier {
namespace {

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
  add("usable pictures", grouped(report.pictures));
  add("never reached", grouped(report.unreached));
  add("uses of a picture in the run, mean", fixed_decimals(report.mean_exposure, 2));
  add("uses of a picture in the run, most", grouped(report.largest_exposure));
  add("largest repeat of a picture an epoch", fixed_decimals(report.largest_repeat, 3));
  add("area cropped away, mean of the samples", percent(report.crop_loss));
  return table.str();
}

std::string classes(const PlanReport::Marginal& marginal) {
  TextTable table({marginal.by, "pictures", "natural", "wanted", "reached", "repeats"});
  for (const PlanReport::Class& each : marginal.classes) {
    if (each.posts == 0) continue;
    table.add({each.name, grouped(each.posts), percent(each.natural), each.wanted ? percent(*each.wanted) : "-",
               percent(each.reached), fixed_decimals(each.repeats, 3)});
  }
  return table.str();
}

std::string buckets(const PlanReport& report) {
  TextTable table({"bucket", "pictures", "samples", "batches", "short", "fill"});
  bool any_small = false;
  for (const PlanReport::Bucket& bucket : report.buckets) {
    any_small |= bucket.small;
    table.add({text(bucket.size.width, "x", bucket.size.height, bucket.small ? " *" : ""), grouped(bucket.posts),
               grouped(bucket.use.samples), grouped(bucket.use.batches), grouped(bucket.use.short_batches),
               percent(bucket.fill)});
  }
  const std::string_view note = "* less than one batch an epoch; merge_small_buckets: true joins such to others\n";
  return any_small ? text(table.str(), note) : table.str();
}

}  // namespace

std::string plan_table(const PlanReport& report) {
  return text(figures(report), "\n", classes(report.marginals[0]), "\n", buckets(report));
}

}  // namespace atelier
