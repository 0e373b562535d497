// Sizes of the pictures, and what the buckets make of them.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "configs/base/thread_pool.h"
#include "data/bucket/crop.h"
#include "data/report/json_parts.h"
#include "data/report/sections.h"

namespace atelier {
namespace {

using Json = nlohmann::ordered_json;

const std::vector<double> kCropEdges = {0, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5};
const std::vector<double> kScaleEdges = {0, 0.125, 0.25, 0.5, 0.75, 0.9, 1, 1.1, 1.25, 1.5, 2, 4};

/// Posts and samples by bin.
struct Bins {
  explicit Bins(const std::vector<double>& edges) : posts(edges.size()), samples(edges.size()) {}

  void add(size_t bin, double repeats) {
    ++posts[bin];
    samples[bin] += repeats;
  }
  void add(const Bins& other) {
    for (size_t i = 0; i < posts.size(); ++i) posts[i] += other.posts[i], samples[i] += other.samples[i];
  }

  std::vector<int64_t> posts;
  std::vector<double> samples;
};

struct BucketCounts {
  Bins crops{kCropEdges}, scales{kScaleEdges};
  int64_t upscaled = 0;
  double crop_loss = 0, largest_scale = 0;  // crop_loss: summed over samples

  void add(const BucketCounts& other) {
    crops.add(other.crops), scales.add(other.scales);
    upscaled += other.upscaled, crop_loss += other.crop_loss;
    largest_scale = std::max(largest_scale, other.largest_scale);
  }
};

BucketCounts count_bucket(const Strata& strata, const Strata::Bucket& bucket) {
  const PlanInput& input = strata.input();
  const auto [bucket_width, bucket_height] = bucket.size;
  BucketCounts counts;
  for (int64_t s = bucket.first_stratum; s < bucket.end_stratum; ++s) {
    const Stratum& stratum = strata.strata()[static_cast<size_t>(s)];
    const double repeats = stratum.repeats.value();
    for (int64_t entry = stratum.begin; entry < stratum.begin + stratum.posts; ++entry) {
      const uint32_t row = strata.order()[static_cast<size_t>(entry)];
      const int32_t width = input.widths[row], height = input.heights[row];
      const double loss = crop_loss(width, height, bucket_width, bucket_height);
      const double scale = upscale(width, height, bucket_width, bucket_height);
      counts.crops.add(bin_of(kCropEdges, loss), repeats);
      counts.scales.add(bin_of(kScaleEdges, scale), repeats);
      counts.upscaled += is_upscaled(width, height, bucket_width, bucket_height);
      counts.crop_loss += loss * repeats;
      counts.largest_scale = std::max(counts.largest_scale, scale);
    }
  }
  return counts;
}

Json bins_json(const std::vector<double>& edges, const Bins& bins) {
  return histogram_json<Json>(edges, [&](Json& bin, size_t i) {
    bin["posts"] = bins.posts[i];
    bin["samples"] = bins.samples[i];
  });
}

double fill_of(int64_t samples, int64_t batches, int64_t batch_size) {
  return share_of(static_cast<double>(samples), static_cast<double>(batches * batch_size));
}

void add_resolutions(const Strata& strata, const std::vector<BucketCounts>& counts, Json& json) {
  Json resolutions = Json::array();
  for (size_t r = 0; r < strata.resolutions().size(); ++r) {
    const Strata::ResolutionUse& each = strata.resolutions()[r];
    int64_t posts = 0, upscaled = 0;
    double samples = 0;
    for (size_t b = 0; b < counts.size(); ++b) {
      if (strata.buckets()[b].resolution != static_cast<int32_t>(r)) continue;
      posts += strata.buckets()[b].posts, samples += strata.buckets()[b].samples_per_epoch;
      upscaled += counts[b].upscaled;
    }
    resolutions.push_back({{"resolution", each.resolution},
                           {"repeats", each.repeats},
                           {"posts", posts},
                           {"samples", samples},
                           {"upscaled", upscaled},
                           {"beyond_max_upscale", each.upscaled_out},
                           {"beyond_max_crop_loss", each.cropped_out}});
  }
  json["resolutions"] = std::move(resolutions);
}

void add_buckets(const Plan& plan, const std::vector<BucketCounts>& counts, Json& json) {
  const Strata& strata = plan.strata();
  const std::vector<BucketUse> uses = plan.sequence().bucket_uses(plan.world_size());
  Json buckets = Json::array();
  int64_t samples = 0, batches = 0;
  for (size_t b = 0; b < counts.size(); ++b) {
    const Strata::Bucket& bucket = strata.buckets()[b];
    samples += uses[b].samples, batches += uses[b].batches;
    buckets.push_back({{"resolution", strata.resolutions()[static_cast<size_t>(bucket.resolution)].resolution},
                       {"width", bucket.size.width},
                       {"height", bucket.size.height},
                       {"posts", bucket.posts},
                       {"samples", bucket.samples_per_epoch},
                       {"crop_loss", share_of(counts[b].crop_loss, bucket.samples_per_epoch)},
                       {"upscaled", counts[b].upscaled},
                       {"batches", uses[b].batches},
                       {"fill", fill_of(uses[b].samples, uses[b].batches, plan.batch_size())},
                       {"small", plan.sequence().is_small(static_cast<int64_t>(b))}});
  }
  const double fill = fill_of(samples, batches, plan.batch_size());
  json["buckets"] = std::move(buckets);
  json["epochs"] = plan.total_epochs();
  json["batch_size"] = plan.batch_size();
  json["fill"] = fill;
  json["waste"] = 1 - fill;
}

void add_plan(const Plan& plan, Json& json) {
  const Strata& strata = plan.strata();
  std::vector<BucketCounts> counts(strata.buckets().size());
  parallel_for(std::ssize(counts), 0, [&](int64_t b) {
    counts[static_cast<size_t>(b)] = count_bucket(strata, strata.buckets()[static_cast<size_t>(b)]);
  });
  add_resolutions(strata, counts, json);
  add_buckets(plan, counts, json);
  BucketCounts all;
  for (const BucketCounts& each : counts) all.add(each);
  json["crop_loss"] = {{"mean", share_of(all.crop_loss, strata.samples_per_epoch())},
                       {"histogram", bins_json(kCropEdges, all.crops)}};
  json["scale"] = {
      {"histogram", bins_json(kScaleEdges, all.scales)}, {"upscaled", all.upscaled}, {"largest", all.largest_scale}};
}

}  // namespace

std::string sizes_section(const ReportInput& input, const PostCounts& counts) {
  Json density = Json::array();
  const size_t cells = size_edges().size();
  for (size_t i = 0; i < counts.density.size(); ++i) {
    if (counts.density[i].posts == 0) continue;
    density.push_back(with_tally(Json{{"width", i / cells}, {"height", i % cells}}, counts.density[i]));
  }
  Json json = {{"known", tally_json<Json>(counts.known_size)},
               {"edges", size_edges()},
               {"density", std::move(density)},
               {"megapixels", tally_histogram_json<Json>(megapixel_edges(), counts.megapixels)},
               {"aspect", tally_histogram_json<Json>(aspect_edges(), counts.aspects)}};
  if (input.plan) add_plan(*input.plan, json);
  return json_text(json);
}

}  // namespace atelier
