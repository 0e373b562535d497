#include "models/schedulers/timestep_spacing.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "configs/base/error.h"
#include "configs/base/text.h"

namespace atelier {
namespace {

// The last of each of `steps` stretches, highest first.
double trailing_timestep(const SchedulerOptions& options, int64_t steps, int64_t index) {
  const auto total = static_cast<double>(options.num_train_timesteps);
  return std::nearbyint(total - static_cast<double>(index) * (total / static_cast<double>(steps))) - 1;
}

// Place `index` of 0..`parts` on the way from 0 to the last timestep; multiplied as numpy does, whose halves are
// rounded.
double linspace_timestep(const SchedulerOptions& options, int64_t parts, int64_t index) {
  const auto last = static_cast<double>(options.num_train_timesteps - 1);
  return index == parts ? last : static_cast<double>(index) * (last / static_cast<double>(parts));
}

double clamp_timestep(const SchedulerOptions& options, double timestep) {
  return std::clamp(timestep, 0.0, static_cast<double>(options.num_train_timesteps - 1));
}

}  // namespace

void require_steps(const SchedulerOptions& options, int64_t steps) {
  const int64_t total = options.num_train_timesteps;
  if (steps >= 1 && steps <= total) return;
  throw ConfigError(text("a sampler takes 1 to ", total, " steps, not ", steps), "steps");
}

std::vector<double> spaced_timesteps(const SchedulerOptions& options, int64_t steps) {
  require_steps(options, steps);
  const int64_t total = options.num_train_timesteps;
  std::vector<double> timesteps;
  for (int64_t i = 0; i < steps; ++i) {
    const int64_t from_end = steps - 1 - i;
    double timestep = 0;
    if (options.timestep_spacing == "leading") {
      timestep = static_cast<double>(from_end * (total / steps) + options.steps_offset);
    } else if (options.timestep_spacing == "trailing") {
      timestep = trailing_timestep(options, steps, i);
    } else if (steps > 1) {
      timestep = linspace_timestep(options, steps - 1, from_end);
    }
    timesteps.push_back(clamp_timestep(options, timestep));
  }
  return timesteps;
}

std::vector<double> multistep_timesteps(const SchedulerOptions& options, int64_t steps) {
  require_steps(options, steps);
  const int64_t total = options.num_train_timesteps;
  std::vector<double> timesteps;
  for (int64_t i = 0; i < steps; ++i) {
    const int64_t from_end = steps - i;  // the stretch below the last is left out
    double timestep = 0;
    if (options.timestep_spacing == "leading") {
      timestep = static_cast<double>(from_end * (total / (steps + 1)) + options.steps_offset);
    } else if (options.timestep_spacing == "trailing") {
      timestep = trailing_timestep(options, steps, i);
    } else {
      timestep = std::nearbyint(linspace_timestep(options, steps, from_end));
    }
    timesteps.push_back(clamp_timestep(options, timestep));
  }
  if (std::adjacent_find(timesteps.begin(), timesteps.end(), std::less_equal<>()) != timesteps.end()) {
    throw ConfigError(text(steps, " steps are too many for this sampler with ", options.timestep_spacing, " spacing"),
                      "steps", "it needs a timestep of its own for each");
  }
  return timesteps;
}

}  // namespace atelier
