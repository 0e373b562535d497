#include "models/schedulers/timestep_spacing.h"

#include <algorithm>
#include <cmath>

#include "configs/base/error.h"
#include "configs/base/text.h"

namespace atelier {

std::vector<double> spaced_timesteps(const SchedulerOptions& options, int64_t steps) {
  const int64_t total = options.num_train_timesteps;
  if (steps < 1 || steps > total) {
    throw ConfigError(text("a sampler takes 1 to ", total, " steps, not ", steps), "steps");
  }
  const double last = static_cast<double>(total - 1);
  std::vector<double> timesteps;
  for (int64_t i = 0; i < steps; ++i) {
    const auto from_end = static_cast<double>(steps - 1 - i);
    double timestep = 0;
    if (options.timestep_spacing == "leading") {
      timestep = from_end * static_cast<double>(total / steps) + static_cast<double>(options.steps_offset);
    } else if (options.timestep_spacing == "trailing") {
      const double stretch = static_cast<double>(total) / static_cast<double>(steps);
      timestep = std::nearbyint(static_cast<double>(total) - static_cast<double>(i) * stretch) - 1;
    } else if (steps > 1) {
      timestep = last * from_end / static_cast<double>(steps - 1);
    }
    timesteps.push_back(std::clamp(timestep, 0.0, last));
  }
  return timesteps;
}

}  // namespace atelier
