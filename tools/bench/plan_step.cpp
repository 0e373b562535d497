// Our half of tools/bench/plan_scale.py: the data of a run opened and an epoch planned, as `train` does before its
// first step; nothing is reported.
//
//   plan-step RUN.yaml [KEY=VALUE...]
//
// Prints the seconds that took, and the milliseconds that one step among all then takes to be found. Posts without
// pictures are planned as well.
#include <cstdio>

#include "data/dataset.h"
#include "tools/bench/serve.h"
#include "trainer/options/run_options.h"

namespace atelier {
namespace {

constexpr int64_t kSteps = 1000;

void run_plan_bench(const std::vector<std::string>& arguments) {
  const RunOptions run = read_run(arguments[0], {arguments.begin() + 1, arguments.end()});
  const PlanSetting setting{
      .seed = static_cast<uint64_t>(run.seed), .side_divisor = side_divisor(run), .pictures_needed = false};
  const Stopwatch opening;
  const Dataset dataset(run.dataset, run.train.batching, setting, manifest_dir(run));
  const Plan& plan = dataset.plan();
  const double seconds = opening.seconds();
  const Stopwatch finding;
  for (int64_t i = 0; i < kSteps; ++i) {
    if (plan.step(1 + i * plan.total_steps() / kSteps).empty()) throw DataError("an empty step");
  }
  std::printf("%.3f %.4f\n", seconds, finding.seconds() * 1000 / kSteps);
}

}  // namespace
}  // namespace atelier

int main(int argc, char** argv) {
  return atelier::bench_main(argc, argv, 1, 100, "plan-step RUN.yaml [KEY=VALUE...]", atelier::run_plan_bench);
}
