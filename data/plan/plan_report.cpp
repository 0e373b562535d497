#include "data/plan/plan_report.h"

#include <algorithm>

#include "data/bucket/crop.h"

namespace atelier {
namespace {

double share(int64_t part, int64_t whole) {
  return whole > 0 ? static_cast<double>(part) / static_cast<double>(whole) : 0;
}

std::vector<PlanReport::Class> report_classes(const Strata& strata) {
  std::vector<PlanReport::Class> classes(strata.classes().size());
  const auto posts = static_cast<int64_t>(strata.input().rows.size());
  for (size_t g = 0; g < classes.size(); ++g) {
    classes[g].name = strata.input().group_names[g];
    classes[g].posts = strata.class_posts()[g];
    classes[g].natural = share(classes[g].posts, posts);
    classes[g].wanted = strata.classes()[g].wanted;
    classes[g].repeats = strata.classes()[g].repeats;
  }
  return classes;
}

/// Goes through the pictures of one bucket.
PlanReport::Bucket report_bucket(const Plan& plan, size_t index, const std::vector<uint32_t>& uses,
                                 PlanReport& report) {
  const Strata& strata = plan.strata();
  const Strata::Bucket& bucket = strata.buckets()[index];
  PlanReport::Bucket result;
  result.size = bucket.size;
  result.small = plan.sequence().is_small(static_cast<int64_t>(index));
  result.posts = bucket.posts;
  result.class_samples.resize(strata.classes().size());
  for (int64_t s = bucket.first_stratum; s < bucket.end_stratum; ++s) {
    const Stratum& stratum = strata.strata()[static_cast<size_t>(s)];
    report.largest_repeat = std::max(report.largest_repeat, stratum.repeats.value());
    for (int64_t entry = stratum.begin; entry < stratum.begin + stratum.posts; ++entry) {
      const uint32_t index_of_row = strata.order()[static_cast<size_t>(entry)];
      const PlanInput::Row& row = strata.input().rows[index_of_row];
      const int64_t seen = uses[index_of_row];
      result.class_samples[static_cast<size_t>(row.group)] += seen;
      report.upscaled += is_upscaled(row.width, row.height, bucket.size.width, bucket.size.height);
      report.crop_loss +=
          static_cast<double>(seen) * crop_loss(row.width, row.height, bucket.size.width, bucket.size.height);
    }
  }
  return result;
}

}  // namespace

PlanReport make_plan_report(const Plan& plan, const std::vector<uint32_t>& uses) {
  const Strata& strata = plan.strata();
  PlanReport report;
  report.steps = plan.total_steps();
  report.epochs = plan.total_epochs();
  report.batch_size = plan.batch_size();
  report.batches = plan.sequence().size();
  report.pictures = static_cast<int64_t>(strata.input().rows.size());
  report.samples_per_epoch = strata.samples_per_epoch();
  report.classes = report_classes(strata);

  const std::vector<BucketUse> bucket_uses = plan.sequence().bucket_uses();
  for (size_t b = 0; b < bucket_uses.size(); ++b) {
    PlanReport::Bucket bucket = report_bucket(plan, b, uses, report);
    bucket.use = bucket_uses[b];
    bucket.fill = share(bucket.use.samples, bucket.use.batches * report.batch_size);
    report.short_batches += bucket.use.short_batches;
    report.samples += bucket.use.samples;
    for (size_t g = 0; g < report.classes.size(); ++g) report.classes[g].samples += bucket.class_samples[g];
    report.buckets.push_back(std::move(bucket));
  }
  for (PlanReport::Class& each : report.classes) each.reached = share(each.samples, report.samples);
  for (uint32_t seen : uses) {
    report.largest_exposure = std::max<int64_t>(report.largest_exposure, seen);
    report.unreached += seen == 0;
  }
  report.mean_exposure = share(report.samples, report.pictures);
  report.crop_loss /= static_cast<double>(std::max<int64_t>(report.samples, 1));
  return report;
}

}  // namespace atelier
