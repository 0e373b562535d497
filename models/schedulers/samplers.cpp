#include "models/schedulers/samplers.h"

#include <array>
#include <vector>

#include "configs/base/error.h"
#include "configs/base/text.h"

namespace atelier {
namespace {

constexpr std::array<Sampler, 2> kSamplers{{
    {"euler", "Euler", "EulerDiscreteScheduler", sample_euler},
    {"ddim", "DDIM", "DDIMScheduler", sample_ddim},
}};

}  // namespace

std::span<const Sampler> samplers() { return kSamplers; }

const Sampler& find_sampler(std::string_view name, const SchedulerOptions& options) {
  std::vector<std::string> names;
  for (const Sampler& sampler : kSamplers) {
    if (name.empty() ? sampler.scheduler_class == options.class_name : sampler.name == name) return sampler;
    names.emplace_back(sampler.name);
  }
  if (name.empty()) return kSamplers.front();  // a scheduler we have no counterpart of: any solver fits the schedule
  const std::string near = nearest_word(name, names);
  throw ConfigError(text("unknown sampler \"", name, "\""), "sampler",
                    text(near.empty() ? "" : text("did you mean ", near, "? "), "known: ", join(names, ", ")));
}

}  // namespace atelier
