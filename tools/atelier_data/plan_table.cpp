#include "tools/atelier_data/plan_table.h"

#include <string_view>

#include "configs/base/text.h"
#include "data/report/text_table.h"

namespace atelier {
namespace {

std::string figures(const PlanReport& report) {
  TextTable table({"plan", "", "of"});
  const auto add = [&table](std::string name, std::string value, std::string of) {
    table.add({std::move(name), std::move(value), std::move(of)});
  };
  add("steps", grouped(report.steps), text(grouped(report.batch_size), " samples a batch"));
  add("epochs", grouped(report.epochs), text(fixed_decimals(report.samples_per_epoch, 1), " samples, mean"));
  add("samples", grouped(report.samples), text(grouped(report.pictures), " usable pictures"));
  add("short batches", grouped(report.short_batches), text(grouped(report.batches), " batches"));
  add("largest repeat", fixed_decimals(report.largest_repeat, 3), "a picture, an epoch");
  add("exposure, mean", fixed_decimals(report.mean_exposure, 2), "a picture, the run");
  add("exposure, most", grouped(report.largest_exposure), "a picture, the run");
  add("never reached", grouped(report.unreached), "pictures");
  add("enlarged", grouped(report.upscaled), "pictures");
  add("cropped away", percent(report.crop_loss), "area, mean of the samples");
  return table.str();
}

std::string classes(const PlanReport& report) {
  TextTable table({"class", "pictures", "natural", "wanted", "reached", "repeats"});
  for (const PlanReport::Class& each : report.classes) {
    if (each.posts == 0) continue;
    table.add({each.name, grouped(each.posts), percent(each.natural), percent(each.wanted), percent(each.reached),
               fixed_decimals(each.repeats, 3)});
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
  const std::string_view note =
      "* less than one batch an epoch; merge_small_buckets: true joins such to others\n";
  return any_small ? text(table.str(), note) : table.str();
}

}  // namespace

std::string plan_table(const PlanReport& report) {
  return text(figures(report), "\n", classes(report), "\n", buckets(report));
}

}  // namespace atelier
