// Which of the training timesteps a sampler of few steps visits.
#pragma once

#include <cstdint>
#include <vector>

#include "models/options/scheduler_options.h"

namespace atelier {

/// ConfigError unless `steps` is in [1, num_train_timesteps].
void require_steps(const SchedulerOptions& options, int64_t steps);

/// `steps` falling timesteps by diffusers' rules (Lin et al. 2023, table 2): leading takes the first of each stretch
/// (plus steps_offset), trailing the last, linspace both ends. Fractional only with linspace. ConfigError as
/// require_steps().
std::vector<double> spaced_timesteps(const SchedulerOptions& options, int64_t steps);

/// The same for multistep solvers, whose leading and linspace spacings cut the schedule into one stretch more and leave
/// the lowest out, so that the last step to no noise at all begins higher up. Always whole numbers. ConfigError as
/// above, and where a timestep would come twice.
std::vector<double> multistep_timesteps(const SchedulerOptions& options, int64_t steps);

}  // namespace atelier
