// Learning-rate schedules: pure functions of the step.
#pragma once

#include <cstdint>
#include <string_view>

namespace atelier {

/// The factor on the learning rate in step `step` (from 1) of `total_steps`, as diffusers.optimization.get_scheduler:
/// with s = step - 1 it is s / warmup_steps during warm-up, then "constant": 1, "linear": (total - s) / (total -
/// warmup), "cosine": half a period of a cosine down to 0. ConfigError for another name.
double lr_factor(std::string_view lr_scheduler, int64_t step, int64_t warmup_steps, int64_t total_steps);

}  // namespace atelier
