#include "data/plan/plan_report.h"

#include <algorithm>

#include "configs/base/thread_pool.h"
#include "data/bucket/crop.h"

namespace atelier {
namespace {

constexpr size_t kMostClassesOfABucket = 32;

double share(int64_t part, int64_t whole) {
  return whole > 0 ? static_cast<double>(part) / static_cast<double>(whole) : 0;
}

/// Calls visit(entry, row) for the pictures of a bucket.
template <typename Visit>
void for_entries(const Strata& strata, const Strata::Bucket& bucket, Visit visit) {
  const Stratum& first = strata.strata()[static_cast<size_t>(bucket.first_stratum)];
  for (int64_t entry = first.begin; entry < first.begin + bucket.posts; ++entry) {
    visit(static_cast<size_t>(entry), strata.order()[static_cast<size_t>(entry)]);
  }
}

/// One bucket, and what it adds to its resolution and to the whole.
struct BucketCount {
  PlanReport::Bucket bucket;
  int64_t upscaled = 0;
  double largest_upscale = 0, crop_loss = 0, largest_repeat = 0;
};

BucketCount count_bucket(const Strata& strata, const Strata::Bucket& bucket, const std::vector<uint32_t>& uses) {
  const PlanInput& input = strata.input();
  const PlanInput::Marginal& division = input.marginals.front();
  BucketCount count;
  count.bucket.resolution = strata.resolutions()[static_cast<size_t>(bucket.resolution)].resolution;
  count.bucket.size = bucket.size;
  count.bucket.posts = bucket.posts;
  const bool by_class = division.classes.size() <= kMostClassesOfABucket;
  if (by_class) count.bucket.class_samples.resize(division.classes.size());
  for_entries(strata, bucket, [&](size_t entry, uint32_t row) {
    const int32_t width = input.widths[row], height = input.heights[row];
    if (by_class && !input.is_reg(row)) count.bucket.class_samples[division.class_of_row[row]] += uses[entry];
    count.upscaled += is_upscaled(width, height, bucket.size.width, bucket.size.height);
    count.largest_upscale =
        std::max(count.largest_upscale, upscale(width, height, bucket.size.width, bucket.size.height));
    count.crop_loss += uses[entry] * crop_loss(width, height, bucket.size.width, bucket.size.height);
  });
  for (int64_t s = bucket.first_stratum; s < bucket.end_stratum; ++s) {
    count.largest_repeat = std::max(count.largest_repeat, strata.strata()[static_cast<size_t>(s)].repeats.value());
  }
  return count;
}

std::vector<BucketCount> count_buckets(const Strata& strata, const std::vector<uint32_t>& uses) {
  std::vector<BucketCount> counts(strata.buckets().size());
  parallel_for(std::ssize(counts), 0, [&](int64_t b) {
    const auto i = static_cast<size_t>(b);
    counts[i] = count_bucket(strata, strata.buckets()[i], uses);
  });
  return counts;
}

void add_buckets(const Plan& plan, std::vector<BucketCount> counts, PlanReport& report) {
  const Strata& strata = plan.strata();
  for (const Strata::ResolutionUse& each : strata.resolutions()) {
    PlanReport::Resolution& resolution = report.resolutions.emplace_back();
    resolution.resolution = each.resolution;
    resolution.repeats = each.repeats;
    resolution.upscaled_out = each.upscaled_out, resolution.cropped_out = each.cropped_out;
  }
  const std::vector<BucketUse> uses = plan.sequence().bucket_uses(plan.world_size());
  for (size_t b = 0; b < uses.size(); ++b) {
    PlanReport::Bucket& bucket = counts[b].bucket;
    PlanReport::Resolution& resolution = report.resolutions[static_cast<size_t>(strata.buckets()[b].resolution)];
    bucket.small = plan.sequence().is_small(static_cast<int64_t>(b));
    bucket.use = uses[b];
    bucket.fill = share(bucket.use.samples, bucket.use.batches * report.batch_size);
    resolution.pictures += bucket.posts;
    resolution.samples += bucket.use.samples;
    resolution.upscaled += counts[b].upscaled;
    resolution.largest_upscale = std::max(resolution.largest_upscale, counts[b].largest_upscale);
    report.short_batches += bucket.use.short_batches;
    report.samples += bucket.use.samples;
    report.padding += bucket.use.padding;
    report.crop_loss += counts[b].crop_loss;
    report.largest_repeat = std::max(report.largest_repeat, counts[b].largest_repeat);
    report.buckets.push_back(std::move(bucket));
  }
  report.fill = share(report.samples, report.batches * report.batch_size);
  report.crop_loss /= static_cast<double>(std::max<int64_t>(report.samples, 1));
}

void add_exposure(const Plan& plan, const std::vector<uint32_t>& uses, PlanReport& report) {
  const Strata& strata = plan.strata();
  std::vector<bool> is_planned(strata.input().rows.size(), false);
  for (size_t entry = 0; entry < uses.size(); ++entry) {
    const uint32_t row = strata.order()[entry];
    is_planned[row] = true;
    if (strata.input().is_reg(row)) report.reg_samples += uses[entry];
  }
  for (uint32_t seen : plan.uses_of_rows(uses)) {
    report.largest_exposure = std::max<int64_t>(report.largest_exposure, seen);
    report.unreached += seen == 0;
  }
  report.left_out = std::count(is_planned.begin(), is_planned.end(), false);
  report.mean_exposure = share(report.samples, report.pictures);
}

/// Shares of a division's classes, counted from the uses.
PlanReport::Marginal report_marginal(const Strata& strata, size_t index, const std::vector<uint32_t>& uses) {
  const Balance::Marginal& balanced = strata.balance().marginals[index];
  const std::vector<uint32_t>& class_of_row = strata.input().marginals[index].class_of_row;
  PlanReport::Marginal marginal{balanced.by, {}, balanced.unreachable};
  for (const Balance::Class& each : balanced.classes) {
    marginal.classes.push_back({each.name, each.posts, each.natural, each.wanted, 0, each.repeats, 0});
  }
  double all = 0;
  for (size_t entry = 0; entry < uses.size(); ++entry) {
    const uint32_t row = strata.order()[entry];
    if (strata.input().is_reg(row)) continue;
    PlanReport::Class& in_class = marginal.classes[class_of_row[row]];
    const double weight = uses[entry] * strata.loss_weight(row);
    in_class.samples += uses[entry];
    in_class.reached += weight;
    all += weight;
  }
  for (PlanReport::Class& each : marginal.classes) each.reached = all > 0 ? each.reached / all : 0;
  return marginal;
}

}  // namespace

PlanReport make_plan_report(const Plan& plan, const std::vector<uint32_t>& uses) {
  const Strata& strata = plan.strata();
  PlanReport report;
  report.steps = plan.total_steps();
  report.epochs = plan.total_epochs();
  report.batch_size = plan.batch_size();
  report.batches = plan.sequence().size();
  report.pictures = strata.input().size();
  report.samples_per_epoch = strata.samples_per_epoch();
  add_buckets(plan, count_buckets(strata, uses), report);
  add_exposure(plan, uses, report);
  const Balance& balance = strata.balance();
  report.as_loss_weights = strata.has_loss_weights();
  report.effective_posts = balance.effective_posts;
  report.cut_off = balance.cut_off;
  report.rake_rounds = balance.rake_rounds;
  report.rake_error = balance.rake_error;
  for (size_t m = 0; m < balance.marginals.size(); ++m) report.marginals.push_back(report_marginal(strata, m, uses));
  return report;
}

}  // namespace atelier
