#include "tools/gpu_check/report.h"

#include <ATen/ATen.h>

#include <cstdio>

namespace atelier::gpu_check {

void Report::line(const std::string& what, bool passed, const std::string& detail) {
  std::printf("%-6s %-70s %s\n", passed ? "ok" : "FAILED", what.c_str(), detail.c_str());
  std::fflush(stdout);
  if (!passed) ++failures_;
}

void Report::error(const std::string& what, double error, double bound) {
  char detail[64];
  std::snprintf(detail, sizeof detail, "%.1e of %.2g", error, bound);
  line(what, error <= bound, detail);
}

void Report::require(const std::string& what, bool holds) { line(what, holds, ""); }

double relative_error(const at::Tensor& value, const at::Tensor& reference) {
  const at::Tensor wanted = reference.detach().to(at::kCPU, at::kDouble);
  return ((value.detach().to(at::kCPU, at::kDouble) - wanted).norm() / wanted.norm()).item<double>();
}

at::Tensor numbers(at::IntArrayRef sizes, int stream, double scale) {
  // Fractional parts of multiples of two irrational numbers are spread evenly; three of them add up to a bell.
  const at::Tensor index = at::arange(c10::multiply_integers(sizes), at::kDouble) + 1000.0 * stream;
  at::Tensor sum = at::zeros_like(index);
  for (const double step : {0.6180339887498949, 0.4142135623730951, 0.7320508075688772}) {
    sum += (index * step).frac() * 2 - 1;
  }
  return (sum * scale).to(at::kFloat).view(sizes);
}

}  // namespace atelier::gpu_check
