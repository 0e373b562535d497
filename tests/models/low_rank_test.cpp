#include "models/adapters/low_rank.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <tuple>

#include "configs/base/random.h"

namespace atelier {
namespace {

at::Tensor normal_matrix(int64_t rows, int64_t columns, uint64_t key) {
  at::Tensor values = at::empty({rows, columns});
  fill_normal(key, values.data_ptr<float>(), values.numel());
  return values;
}

/// All singular values, by LAPACK in double.
at::Tensor true_values(const at::Tensor& matrix) { return at::linalg_svdvals(matrix.to(at::kDouble)); }

double norm_of(const at::Tensor& values) { return values.to(at::kDouble).norm().item<double>(); }

double error_of(const at::Tensor& matrix, const LowRank& svd) {
  const at::Tensor product = at::matmul(svd.u.to(at::kDouble) * svd.s.to(at::kDouble), svd.vh.to(at::kDouble));
  return norm_of(matrix.to(at::kDouble) - product);
}

TEST(LowRank, SmallMatricesAreCutAtTheBestError) {
  const at::Tensor matrix = normal_matrix(40, 60, 1), s = true_values(matrix);
  const LowRank svd = truncated_svd(matrix, 7, 2);
  EXPECT_NEAR(error_of(matrix, svd), norm_of(s.slice(0, 7)), 1e-4);  // Eckart-Young
  EXPECT_LT(norm_of(svd.s.to(at::kDouble) - s.slice(0, 0, 7)), 1e-4);
}

TEST(LowRank, LargeMatricesComeNearTheBestError) {
  // Singular values that all are alike are the worst case; those of trained differences fall.
  const at::Tensor flat = normal_matrix(400, 700, 3);
  const double best = norm_of(true_values(flat).slice(0, 16));
  const LowRank svd = truncated_svd(flat, 16, 4);
  EXPECT_GE(error_of(flat, svd), best * (1 - 1e-6));
  EXPECT_LE(error_of(flat, svd), best * 1.003);

  const at::Tensor falling = flat * at::pow(at::arange(1, 701, at::kFloat), -0.7);
  const at::Tensor s = true_values(falling);
  const LowRank cut = truncated_svd(falling, 16, 5);
  EXPECT_LE(error_of(falling, cut), norm_of(s.slice(0, 16)) * 1.0001);
  EXPECT_LT(norm_of(cut.s.to(at::kDouble) - s.slice(0, 0, 16)) / norm_of(s.slice(0, 0, 16)), 1e-3);
}

TEST(LowRank, AMatrixOfThatRankComesBack) {
  const at::Tensor matrix = at::matmul(normal_matrix(300, 5, 6), normal_matrix(5, 900, 7));
  EXPECT_LT(error_of(matrix, truncated_svd(matrix, 5, 8)) / norm_of(matrix), 2e-6);
  EXPECT_LT(error_of(matrix, truncated_svd(matrix, 9, 8)) / norm_of(matrix), 2e-6);
}

TEST(LowRank, TheSameKeyGivesTheSameResult) {
  const at::Tensor matrix = normal_matrix(300, 500, 9);
  EXPECT_TRUE(truncated_svd(matrix, 8, 1).u.equal(truncated_svd(matrix, 8, 1).u));
}

TEST(LowRank, AProductIsDecomposedWithoutBeingFormed) {
  for (const auto& [m, r, n] : {std::tuple<int, int, int>{50, 8, 70}, {6, 8, 70}, {50, 8, 5}, {4, 1, 4}}) {
    const at::Tensor up = normal_matrix(m, r, 10), down = normal_matrix(r, n, 11);
    const at::Tensor product = at::matmul(up.to(at::kDouble), down.to(at::kDouble));
    const LowRank svd = product_svd(up, down);
    const at::Tensor s = true_values(product).slice(0, 0, svd.s.size(0));
    EXPECT_EQ(svd.s.size(0), std::min({m, r, n}));
    EXPECT_LT(norm_of(svd.s - s), 1e-10 * norm_of(s));
    EXPECT_LT(error_of(product, svd), 1e-10 * norm_of(s));
  }
}

TEST(LowRank, RanksAreChosenBySingularValues) {
  using Method = RankChoice::Method;
  const at::Tensor s = at::tensor({8.0, 4.0, 2.0, 1.0, 1.0});  // sum 16, squares 64 16 4 1 1 of 86
  const auto rank = [&](Method method, double param, int64_t most = 5) {
    return chosen_rank(s, {.most = most, .method = method, .param = param});
  };
  EXPECT_EQ(rank(Method::kFixed, 0, 3), 3);
  EXPECT_EQ(rank(Method::kFixed, 0, 9), 5);
  EXPECT_EQ(rank(Method::kSvRatio, 1), 1);
  EXPECT_EQ(rank(Method::kSvRatio, 2), 2);
  EXPECT_EQ(rank(Method::kSvRatio, 3.9), 2);
  EXPECT_EQ(rank(Method::kSvRatio, 100), 5);
  EXPECT_EQ(rank(Method::kSvRatio, 100, 4), 4);
  EXPECT_EQ(rank(Method::kSvCumulative, 0.5), 1);
  EXPECT_EQ(rank(Method::kSvCumulative, 0.51), 2);
  EXPECT_EQ(rank(Method::kSvCumulative, 0.75), 2);
  EXPECT_EQ(rank(Method::kSvCumulative, 1), 5);
  EXPECT_EQ(rank(Method::kSvFro, 0.86), 1);  // sqrt(64 / 86) = 0.8627
  EXPECT_EQ(rank(Method::kSvFro, 0.87), 2);
  EXPECT_EQ(rank(Method::kSvFro, 0.96), 2);  // sqrt(80 / 86) = 0.9645
  EXPECT_EQ(rank(Method::kSvFro, 0.97), 3);
  EXPECT_EQ(chosen_rank(at::zeros({4}), {.most = 3, .method = Method::kSvFro, .param = 0.9}), 1);
}

TEST(LowRank, ClampingTakesTheQuantileOfAllEntries) {
  LoraFactors factors{at::tensor({-10.0f, 1.0f, 2.0f}).view({3, 1}), at::tensor({3.0f, 4.0f}).view({1, 2})};
  clamp_to_quantile(factors, 0.75);  // of -10 1 2 3 4: 3
  EXPECT_TRUE(factors.up.equal(at::tensor({-3.0f, 1.0f, 2.0f}).view({3, 1})));
  EXPECT_TRUE(factors.down.equal(at::tensor({3.0f, 3.0f}).view({1, 2})));
  clamp_to_quantile(factors, 0.9);  // between 3 and 3
  EXPECT_EQ(factors.down[0][1].item<float>(), 3);
}

}  // namespace
}  // namespace atelier
