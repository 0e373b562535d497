// What gpu-check prints: a table of checks, and whether all of them passed.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>

namespace atelier::gpu_check {

class Report {
 public:
  /// One line: what was checked, the relative error and its bound.
  void error(const std::string& what, double error, double bound);
  void require(const std::string& what, bool holds);

  int failures() const { return failures_; }

 private:
  void line(const std::string& what, bool passed, const std::string& detail);

  int failures_ = 0;
};

/// L2 norm of the difference over the L2 norm of `reference`, in fp64 on the CPU.
double relative_error(const at::Tensor& value, const at::Tensor& reference);

/// Numbers in about -scale..scale, drawn from nothing but their index and `stream`.
at::Tensor numbers(at::IntArrayRef sizes, int stream, double scale = 1);

/// Operations against fp64 formulas, and the UNet with both bodies against the CPU in fp32.
void run_checks(const at::Device& device, Report& report);

/// Kernels against ATen's, and SDXL's training step by batch; prints tables. Starts nothing new after `seconds`.
void run_benches(const at::Device& device, double seconds);

}  // namespace atelier::gpu_check
