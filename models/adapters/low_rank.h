// Approximation of matrices by ones of low rank, and how low: what extracting and resizing LoRA files are made of.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace atelier {

/// The largest singular values of a matrix, falling, with their vectors: the matrix is about u diag(s) vh.
struct LowRank {
  at::Tensor u;   // [m, r]
  at::Tensor s;   // [r]
  at::Tensor vh;  // [r, n]
};

/// The `rank` largest of `matrix` [m, n]. Small matrices are decomposed exactly; large ones by randomised subspace
/// iteration (Halko, Martinsson, Tropp, "Finding Structure with Randomness", 2011, algorithm 4.4) with random numbers
/// of `key`: the error stays within 0.3 % of the best one where all singular values are alike, and within 0.01 % where
/// they fall (what tests/models/low_rank_test.cpp holds it to). REQUIRES a float matrix and 1 <= rank <= min(m, n).
LowRank truncated_svd(const at::Tensor& matrix, int64_t rank, uint64_t key);

/// All singular values of up down, [m, r] by [r, n], without ever forming the product: both are orthogonalised, and
/// what is decomposed is [r, r]. In double.
LowRank product_svd(const at::Tensor& up, const at::Tensor& down);

/// How many singular values to keep, in sd-scripts' words (resize_lora.py).
struct RankChoice {
  int64_t most = 16;  // never more
  enum class Method {
    kFixed,         // `most`
    kSvRatio,       // those that are at least the largest one / param
    kSvFro,         // the fewest with `param` of the Frobenius norm
    kSvCumulative,  // the fewest with `param` of the sum of singular values
  } method = Method::kFixed;
  double param = 0;
};

/// At least 1, at most `s` has. `s` [r] falls. 1 for a matrix of zeros.
int64_t chosen_rank(const at::Tensor& s, const RankChoice& choice);

/// The matrices of a LoRA: u diag(s) and vh, cut to `rank`.
struct LoraFactors {
  at::Tensor up;    // [m, rank]
  at::Tensor down;  // [rank, n]
};
LoraFactors lora_factors(const LowRank& svd, int64_t rank);

/// sd-scripts' guard against outliers: entries of both beyond the `quantile` of all entries are set to it, in either
/// sign. 1 changes nothing.
void clamp_to_quantile(LoraFactors& factors, double quantile);

}  // namespace atelier
