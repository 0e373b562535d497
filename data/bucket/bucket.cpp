#include "data/bucket/bucket.h"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <set>
#include <string_view>

#include "configs/base/error.h"
#include "configs/base/text.h"
#include "data/bucket/crop.h"

namespace atelier {
namespace {

constexpr int32_t kShortestSide = 8, kLongestSide = 8192;  // px

int64_t floor_to(int64_t value, int64_t step) { return value / step * step; }

/// "832x1216".
BucketSize parse_size(std::string_view text) {
  BucketSize size;
  const char* end = text.data() + text.size();
  const auto [x, error] = std::from_chars(text.data(), end, size.width);
  if (error == std::errc() && x != end && *x == 'x') {
    const auto [rest, height_error] = std::from_chars(x + 1, end, size.height);
    const bool possible = size.width > 0 && size.height > 0 && std::max(size.width, size.height) <= kLongestSide;
    if (height_error == std::errc() && rest == end && possible) return size;
  }
  throw ConfigError(atelier::text("\"", text, "\" is no size"), "dataset.buckets.predefined_buckets",
                    atelier::text("WIDTHxHEIGHT in pixels, at most ", kLongestSide, ": 832x1216"));
}

std::vector<BucketSize> parse_sizes(const std::vector<std::string>& texts) {
  std::set<BucketSize> sizes;
  for (const std::string& each : texts) sizes.insert(parse_size(each));
  return {sizes.begin(), sizes.end()};
}

}  // namespace

std::vector<Resolution> expand_resolutions(const BucketOptions& options) {
  if (options.resolutions.empty()) return {{options, 1}};
  if (!options.predefined_buckets.empty()) {
    throw ConfigError("the sizes of several resolutions are not given by a list", "dataset.buckets.predefined_buckets",
                      "leave out resolutions or predefined_buckets");
  }
  std::vector<Resolution> all;
  std::set<int64_t> seen;
  for (const ResolutionOptions& each : options.resolutions) {
    if (!seen.insert(each.resolution).second) {
      throw ConfigError(text("resolution ", each.resolution, " is named twice"), "dataset.buckets.resolutions",
                        "raise its repeats instead");
    }
    const auto in_proportion = [&](int64_t side) {
      return std::clamp<int64_t>(side * each.resolution / options.resolution, kShortestSide, kLongestSide);
    };
    Resolution& added = all.emplace_back(Resolution{options, each.repeats});
    added.options.resolutions.clear();
    added.options.resolution = each.resolution;
    added.options.min_bucket_reso = each.min_bucket_reso.value_or(in_proportion(options.min_bucket_reso));
    added.options.max_bucket_reso = each.max_bucket_reso.value_or(in_proportion(options.max_bucket_reso));
  }
  return all;
}

std::vector<BucketSize> make_buckets(const BucketOptions& options) {
  if (!options.predefined_buckets.empty()) return parse_sizes(options.predefined_buckets);
  const int64_t side = options.resolution, step = options.bucket_reso_steps;
  if (!options.enable_bucket) return {{static_cast<int32_t>(side), static_cast<int32_t>(side)}};
  const int64_t shortest_side = std::max(step, floor_to(options.min_bucket_reso, step));
  const int64_t longest_side = floor_to(options.max_bucket_reso + step - 1, step);
  const int64_t square = floor_to(side, step);
  if (square == 0) {
    throw ConfigError(text("resolution ", side, " is smaller than one step of ", step), "dataset.buckets.resolution");
  }
  if (shortest_side > side || longest_side < side) {
    throw ConfigError(text("min_bucket_reso ", options.min_bucket_reso, " and max_bucket_reso ",
                           options.max_bucket_reso, " do not enclose the resolution ", side),
                      "dataset.buckets", "for 1024 use 512 and 2048");
  }
  std::set<BucketSize> sizes{{static_cast<int32_t>(square), static_cast<int32_t>(square)}};
  for (int64_t width = shortest_side; width <= longest_side; width += step) {
    const int64_t height = std::min(longest_side, floor_to(side * side / width, step));
    if (height < shortest_side) continue;
    sizes.insert({static_cast<int32_t>(width), static_cast<int32_t>(height)});
    sizes.insert({static_cast<int32_t>(height), static_cast<int32_t>(width)});
  }
  return {sizes.begin(), sizes.end()};
}

void check_bucket_divisor(const BucketOptions& options, int64_t divisor) {
  const auto check = [divisor](int64_t side, const char* where) {
    if (side % divisor == 0) return;
    const int64_t below = floor_to(side, divisor);
    throw ConfigError(text(side, " is not a multiple of ", divisor, ", which this model divides sides by"), where,
                      below > 0 ? text("use ", below, " or ", below + divisor) : text("use ", divisor));
  };
  for (const BucketSize& size : parse_sizes(options.predefined_buckets)) {
    check(size.width, "dataset.buckets.predefined_buckets"), check(size.height, "dataset.buckets.predefined_buckets");
  }
  if (options.enable_bucket) return check(options.bucket_reso_steps, "dataset.buckets.bucket_reso_steps");
  for (const Resolution& each : expand_resolutions(options)) {
    check(each.options.resolution,
          options.resolutions.empty() ? "dataset.buckets.resolution" : "dataset.buckets.resolutions");
  }
}

BucketAssigner::BucketAssigner(const BucketOptions& options)
    : sizes_(make_buckets(options)),
      step_(static_cast<int32_t>(options.bucket_reso_steps)),
      no_upscale_(options.bucket_no_upscale && options.enable_bucket),
      max_upscale_(options.max_upscale),
      max_crop_loss_(options.max_crop_loss) {
  for (size_t i = 0; i < sizes_.size(); ++i) {
    aspects_.push_back({static_cast<double>(sizes_[i].width) / sizes_[i].height, i});
  }
  std::stable_sort(aspects_.begin(), aspects_.end(),
                   [](const Aspect& a, const Aspect& b) { return a.ratio < b.ratio; });
  const auto same = [](const Aspect& a, const Aspect& b) { return a.ratio == b.ratio; };
  aspects_.erase(std::unique(aspects_.begin(), aspects_.end(), same), aspects_.end());
}

const BucketSize& BucketAssigner::nearest(double ratio) const {
  const auto above = std::lower_bound(aspects_.begin(), aspects_.end(), ratio,
                                      [](const Aspect& aspect, double value) { return aspect.ratio < value; });
  if (above == aspects_.begin()) return sizes_[above->index];
  const auto below = std::prev(above);
  if (above == aspects_.end()) return sizes_[below->index];
  const double error_below = ratio - below->ratio, error_above = above->ratio - ratio;
  if (error_below == error_above) return sizes_[std::min(below->index, above->index)];
  return sizes_[error_below < error_above ? below->index : above->index];
}

BucketSize BucketAssigner::operator()(int32_t width, int32_t height) const {
  const BucketSize own{width, height};
  if (std::binary_search(sizes_.begin(), sizes_.end(), own)) return own;
  const BucketSize bucket = nearest(static_cast<double>(width) / height);
  if (!no_upscale_ || !is_upscaled(width, height, bucket.width, bucket.height)) return bucket;
  const auto own_side = [this](int32_t side, int32_t limit) {
    return std::max(step_, static_cast<int32_t>(floor_to(std::min(side, limit), step_)));
  };
  return {own_side(width, bucket.width), own_side(height, bucket.height)};
}

BucketFit BucketAssigner::fit(int32_t width, int32_t height, const BucketSize& bucket) const {
  if (max_upscale_ && upscale(width, height, bucket.width, bucket.height) > *max_upscale_) return BucketFit::kUpscaled;
  if (max_crop_loss_ && crop_loss(width, height, bucket.width, bucket.height) > *max_crop_loss_) {
    return BucketFit::kCropped;
  }
  return BucketFit::kFits;
}

}  // namespace atelier
