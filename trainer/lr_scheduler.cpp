#include "trainer/lr_scheduler.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <string>

#include "configs/base/error.h"

namespace atelier {
namespace {

/// `progress` runs from 0 after warm-up to 1 at the end.
struct ScheduleRow {
  std::string_view name;
  double (*factor)(double progress);
};

constexpr std::array kSchedules = {
    ScheduleRow{"constant", [](double) { return 1.0; }},
    ScheduleRow{"linear", [](double progress) { return std::max(0.0, 1.0 - progress); }},
    ScheduleRow{"cosine",
                [](double progress) { return std::max(0.0, 0.5 * (1.0 + std::cos(std::numbers::pi * progress))); }},
};

}  // namespace

double lr_factor(std::string_view lr_scheduler, int64_t step, int64_t warmup_steps, int64_t total_steps) {
  const int64_t done = step - 1;
  for (const ScheduleRow& row : kSchedules) {
    if (row.name != lr_scheduler) continue;
    if (done < warmup_steps) return static_cast<double>(done) / static_cast<double>(std::max<int64_t>(1, warmup_steps));
    return row.factor(static_cast<double>(done - warmup_steps) /
                      static_cast<double>(std::max<int64_t>(1, total_steps - warmup_steps)));
  }
  throw ConfigError("unknown schedule '" + std::string(lr_scheduler) + "'", "train.lr_scheduler");
}

}  // namespace atelier
