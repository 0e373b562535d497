// What our halves of the benches share: a stopwatch, the loop that answers their Python half (paired.py), and main().
#pragma once

#include <chrono>
#include <cstdio>
#include <ctime>
#include <functional>
#include <iostream>
#include <string>
#include <vector>

#include "configs/base/error.h"
#include "configs/base/memory.h"

namespace atelier {

/// From its construction on.
class Stopwatch {
 public:
  double seconds() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count(); }
  /// Of all processors together.
  double cpu_seconds() const { return static_cast<double>(std::clock() - cpu_begin_) / CLOCKS_PER_SEC; }

 private:
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
  std::clock_t cpu_begin_ = std::clock();
};

/// Says "ready SECONDS", then answers each line of stdin, "MODE RUNS", with "SECONDS CPU_SECONDS VALUE". `run` is
/// called RUNS times; the value is what the last call returns.
inline void serve(double load_seconds, const std::function<double(const std::string& mode)>& run) {
  std::printf("ready %.3f\n", load_seconds);
  std::fflush(stdout);
  std::string mode;
  for (int runs; std::cin >> mode >> runs;) {
    const Stopwatch watch;
    double value = 0;
    for (int i = 0; i < runs; ++i) value = run(mode);
    std::printf("%.6f %.6f %.9g\n", watch.seconds(), watch.cpu_seconds(), value);
    std::fflush(stdout);
  }
}

/// The body of main(): `bench` takes the arguments if there are `least` to `most` of them; memory is kept and an error
/// told as in our programs.
inline int bench_main(int argc, char** argv, int least, int most, const char* usage,
                      void (*bench)(const std::vector<std::string>& arguments)) {
  if (argc - 1 < least || argc - 1 > most) {
    std::fprintf(stderr, "usage: %s\n", usage);
    return static_cast<int>(ExitCode::kUser);
  }
  try {
    keep_freed_memory();
    bench({argv + 1, argv + argc});
    return static_cast<int>(ExitCode::kOk);
  } catch (const Error& error) {
    std::fputs(format_error(error).c_str(), stderr);
    return static_cast<int>(error.exit_code());
  }
}

}  // namespace atelier
