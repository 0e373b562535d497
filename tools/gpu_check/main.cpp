// What a GPU computes against what it should, and how fast: run by tools/gpu-check. Needs torch alone.
//
//   gpu-check [--no-gpu] [--seconds N]
//
// --no-gpu: the checks on the CPU, no benches. --seconds: about how long the benches may take. Exit code 1 if a check
// failed, 4 without a GPU.
#include <ATen/ATen.h>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string_view>

#include "tools/gpu_check/report.h"

namespace atelier::gpu_check {
namespace {

int run(bool no_gpu, double seconds) {
  if (!no_gpu && !at::hasCUDA()) {
    std::fputs("error: no usable GPU; --no-gpu runs the checks on the CPU\n", stderr);
    return 4;
  }
  const at::Device device(no_gpu ? at::kCPU : at::kCUDA, no_gpu ? -1 : 0);
  Report report;
  run_checks(device, report);
  if (no_gpu) {
    std::puts("skipped: benches and everything of CUDA's (--no-gpu)");
  } else {
    run_benches(device, seconds);
  }
  std::printf("\n%d checks failed\n", report.failures());
  return report.failures() == 0 ? 0 : 1;
}

}  // namespace
}  // namespace atelier::gpu_check

int main(int argc, char** argv) {
  bool no_gpu = false;
  double seconds = 240;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument(argv[i]);
    if (argument == "--no-gpu") {
      no_gpu = true;
    } else if (argument == "--seconds" && i + 1 < argc) {
      seconds = std::atof(argv[++i]);
    } else {
      std::fputs("usage: gpu-check [--no-gpu] [--seconds N]\n", stderr);
      return 2;
    }
  }
  try {
    return atelier::gpu_check::run(no_gpu, seconds);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
    return 1;
  }
}
