#include "models/adapters/low_rank.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <tuple>

#include "configs/base/random.h"

namespace atelier {
namespace {

constexpr int64_t kExactSide = 256;  // matrices with a side no longer than this are decomposed exactly
constexpr int64_t kOversampling = 8;
constexpr int kIterations = 4;
constexpr double kLeastSingularValue = 1e-6;  // below it a matrix counts as zero, as in sd-scripts

LowRank cut(LowRank svd, int64_t rank) {
  return {svd.u.narrow(1, 0, rank), svd.s.narrow(0, 0, rank), svd.vh.narrow(0, 0, rank)};
}

LowRank exact_svd(const at::Tensor& matrix) {
  auto [u, s, vh] = at::linalg_svd(matrix, /*full_matrices=*/false);
  return {u, s, vh};
}

at::Tensor orthonormal(const at::Tensor& columns) { return std::get<0>(at::linalg_qr(columns)); }

/// The directions in which `matrix` stretches most, found by applying it and its transpose in turns.
LowRank subspace_svd(const at::Tensor& matrix, int64_t width, uint64_t key) {
  at::Tensor start = at::empty({matrix.size(1), width}, at::kFloat);
  fill_normal(key, start.data_ptr<float>(), start.numel());
  at::Tensor range = orthonormal(at::matmul(matrix, start.to(matrix.scalar_type())));
  for (int i = 0; i < kIterations; ++i) {
    range = orthonormal(at::matmul(matrix, orthonormal(at::matmul(matrix.t(), range))));
  }
  const LowRank inner = exact_svd(at::matmul(range.t(), matrix));
  return {at::matmul(range, inner.u), inner.s, inner.vh};
}

/// The fewest leading entries of `weights` that add up to `share` of all.
int64_t fewest_with(const at::Tensor& weights, double share) {
  const at::Tensor sums = at::cumsum(weights, 0);
  const double wanted = share * sums[-1].item<double>();
  return (sums < wanted).sum().item<int64_t>() + 1;
}

}  // namespace

LowRank truncated_svd(const at::Tensor& matrix, int64_t rank, uint64_t key) {
  const int64_t side = std::min(matrix.size(0), matrix.size(1)), width = 2 * rank + kOversampling;
  if (side <= kExactSide || 2 * width >= side) return cut(exact_svd(matrix), rank);
  return cut(subspace_svd(matrix, width, key), rank);
}

LowRank product_svd(const at::Tensor& up, const at::Tensor& down) {
  const auto [left, left_inner] = at::linalg_qr(up.to(at::kDouble));
  const auto [right, right_inner] = at::linalg_qr(down.to(at::kDouble).t());
  const LowRank inner = exact_svd(at::matmul(left_inner, right_inner.t()));
  return {at::matmul(left, inner.u), inner.s, at::matmul(inner.vh, right.t())};
}

int64_t chosen_rank(const at::Tensor& s, const RankChoice& choice) {
  const at::Tensor values = s.to(at::kDouble);
  const double largest = values[0].item<double>();
  if (!(largest > kLeastSingularValue)) return 1;
  int64_t rank = choice.most;
  switch (choice.method) {
    case RankChoice::Method::kFixed: break;
    case RankChoice::Method::kSvRatio: rank = (values >= largest / choice.param).sum().item<int64_t>(); break;
    case RankChoice::Method::kSvFro: rank = fewest_with(values.square(), choice.param * choice.param); break;
    case RankChoice::Method::kSvCumulative: rank = fewest_with(values, choice.param); break;
  }
  return std::clamp<int64_t>(rank, 1, std::min(choice.most, values.size(0)));
}

LoraFactors lora_factors(const LowRank& svd, int64_t rank) {
  const LowRank kept = cut(svd, rank);
  return {kept.u * kept.s, kept.vh.contiguous()};
}

void clamp_to_quantile(LoraFactors& factors, double quantile) {
  if (quantile >= 1) return;
  const at::Tensor entries = std::get<0>(at::sort(at::cat({factors.up.flatten(), factors.down.flatten()})));
  const double position = quantile * static_cast<double>(entries.numel() - 1);
  const auto below = static_cast<int64_t>(position);
  const auto entry = [&](int64_t i) { return entries[std::min(i, entries.numel() - 1)].item<double>(); };
  const double bound = std::lerp(entry(below), entry(below + 1), position - static_cast<double>(below));
  factors.up.clamp_(-bound, bound);
  factors.down.clamp_(-bound, bound);
}

}  // namespace atelier
