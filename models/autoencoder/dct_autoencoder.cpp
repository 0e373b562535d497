#include "models/autoencoder/dct_autoencoder.h"

#include <ATen/ATen.h>

#include <array>
#include <cmath>
#include <numbers>

#include "configs/base/error.h"
#include "configs/base/text.h"

namespace atelier {
namespace {

struct DctChannel {
  int colour;              // 0 Y, 1 Cb, 2 Cr
  int v, u;                // frequency downwards, to the right
  double mean, deviation;  // of the coefficient, pixels in -1..1
};

// Rounded statistics of the 238 portraits of wesnoth-1.16-data over white at 96 x 96 px (34,272 blocks); the means of
// the frequencies other than (0, 0) were within 0.13 of 0 and are set to 0. Part of what a trained model has learned:
// they never change.
constexpr std::array<DctChannel, DctAutoencoder::kChannels> kDctChannels{{
    {0, 0, 0, 3.2, 5.2},
    {0, 0, 1, 0.0, 1.5},
    {0, 1, 0, 0.0, 1.1},
    {0, 2, 0, 0.0, 0.55},
    {0, 1, 1, 0.0, 0.68},
    {0, 0, 2, 0.0, 0.76},
    {1, 0, 0, -0.21, 0.43},
    {2, 0, 0, 0.17, 0.47},
}};

// RGB -> YCbCr (JFIF 1.02 with ITU-R BT.601's weights), and back.
constexpr double kRed = 0.299, kBlue = 0.114, kGreen = 1 - kRed - kBlue;
constexpr double kToYCbCr[3][3] = {
    {kRed, kGreen, kBlue},
    {-0.5 * kRed / (1 - kBlue), -0.5 * kGreen / (1 - kBlue), 0.5},
    {0.5, -0.5 * kGreen / (1 - kRed), -0.5 * kBlue / (1 - kRed)},
};
constexpr double kToRgb[3][3] = {
    {1, 0, 2 * (1 - kRed)},
    {1, -2 * (1 - kBlue) * kBlue / kGreen, -2 * (1 - kRed) * kRed / kGreen},
    {1, 2 * (1 - kBlue), 0},
};

// Value at pixel `x` of the orthonormal DCT's cosine of `frequency`.
double cosine(int frequency, int64_t x) {
  constexpr double n = DctAutoencoder::kBlock;
  const double norm = frequency == 0 ? std::sqrt(1 / n) : std::sqrt(2 / n);
  return norm * std::cos(std::numbers::pi * (2 * static_cast<double>(x) + 1) * frequency / (2 * n));
}

// Eight filters [8, 3, 8, 8]: each channel's cosine times the colour's weight in R, G, B.
template <typename Weight>
at::Tensor dct_filters(Weight weight) {
  constexpr int64_t n = DctAutoencoder::kBlock;
  at::Tensor filters = at::empty({DctAutoencoder::kChannels, 3, n, n}, at::kFloat);
  auto out = filters.accessor<float, 4>();
  for (size_t k = 0; k < kDctChannels.size(); ++k) {
    const DctChannel& channel = kDctChannels[k];
    for (int rgb = 0; rgb < 3; ++rgb) {
      for (int64_t y = 0; y < n; ++y) {
        for (int64_t x = 0; x < n; ++x) {
          const double value = weight(channel, rgb) * cosine(channel.v, y) * cosine(channel.u, x);
          out[static_cast<int64_t>(k)][rgb][y][x] = static_cast<float>(value);
        }
      }
    }
  }
  return filters;
}

}  // namespace

DctAutoencoder::DctAutoencoder() {
  analysis_ = dct_filters([](const DctChannel& c, int rgb) { return kToYCbCr[c.colour][rgb] / c.deviation; });
  synthesis_ = dct_filters([](const DctChannel& c, int rgb) { return kToRgb[rgb][c.colour]; });
  std::vector<float> bias, mean, deviation;
  for (const DctChannel& channel : kDctChannels) {
    bias.push_back(static_cast<float>(-channel.mean / channel.deviation));
    mean.push_back(static_cast<float>(channel.mean));
    deviation.push_back(static_cast<float>(channel.deviation));
  }
  bias_ = at::tensor(bias);
  mean_ = at::tensor(mean).view({-1, 1, 1});
  deviation_ = at::tensor(deviation).view({-1, 1, 1});
}

LatentDistribution DctAutoencoder::posterior(const at::Tensor& pixels) const {
  if (pixels.size(2) % kBlock != 0 || pixels.size(3) % kBlock != 0) {
    throw ConfigError(text("a picture of ", pixels.size(3), " x ", pixels.size(2), " px has no whole blocks"),
                      "DctAutoencoder", text("sides must be multiples of ", kBlock));
  }
  return {at::conv2d(pixels, analysis_.to(pixels.options()), bias_.to(pixels.options()), /*stride=*/kBlock), {}};
}

at::Tensor DctAutoencoder::decode(const at::Tensor& latents) const {
  const at::Tensor coefficients = latents * deviation_.to(latents.options()) + mean_.to(latents.options());
  return at::conv_transpose2d(coefficients, synthesis_.to(latents.options()), /*bias=*/{}, /*stride=*/kBlock);
}

}  // namespace atelier
