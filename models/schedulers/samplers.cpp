#include "models/schedulers/samplers.h"

#include <array>
#include <vector>

#include "configs/base/error.h"
#include "configs/base/text.h"
#include "models/options/sampler_names.h"

namespace atelier {
namespace {

constexpr std::string_view kEuler = "EulerDiscreteScheduler", kEulerA = "EulerAncestralDiscreteScheduler",
                           kDdim = "DDIMScheduler", kDpm = "DPMSolverMultistepScheduler",
                           kUniPc = "UniPCMultistepScheduler", kOde = "dpmsolver++", kSde = "sde-dpmsolver++";
// The web UIs' automatic choice for DPM++ is Karras; this one of theirs spaces timesteps as diffusers does.
constexpr std::string_view kUniform = "SGM Uniform", kKarras = "Karras";

constexpr std::array<Sampler, kSamplerNames.size()> kSamplers{{
    {"euler", "k_euler", "Euler", "", kEuler, "", false, sample_euler},
    {"euler_a", "k_euler_a", "Euler a", "", kEulerA, "", false, sample_euler_a},
    {"ddim", "", "DDIM", "", kDdim, "", false, sample_ddim},
    {"dpmpp_2m", "dpmsolver++", "DPM++ 2M", kUniform, kDpm, kOde, false, sample_dpmpp_2m},
    {"dpmpp_2m_karras", "", "DPM++ 2M", kKarras, kDpm, kOde, true, sample_dpmpp_2m_karras},
    {"dpmpp_2m_sde", "", "DPM++ 2M SDE", kUniform, kDpm, kSde, false, sample_dpmpp_2m_sde},
    {"dpmpp_2m_sde_karras", "", "DPM++ 2M SDE", kKarras, kDpm, kSde, true, sample_dpmpp_2m_sde_karras},
    {"unipc", "", "UniPC", "", kUniPc, "", false, sample_unipc},
}};

constexpr bool names_agree() {
  for (size_t i = 0; i < kSamplers.size(); ++i) {
    if (kSamplers[i].name != kSamplerNames[i]) return false;
  }
  return true;
}
static_assert(names_agree());

bool is_of(const Sampler& sampler, const SchedulerOptions& options) {
  return sampler.scheduler_class == options.class_name && sampler.karras == options.use_karras_sigmas &&
         (sampler.algorithm_type.empty() || sampler.algorithm_type == options.algorithm_type);
}

}  // namespace

std::span<const Sampler> samplers() { return kSamplers; }

const Sampler& find_sampler(std::string_view name, const SchedulerOptions& options) {
  std::vector<std::string> names;
  for (const Sampler& sampler : kSamplers) {
    if (name.empty() ? is_of(sampler, options) : sampler.name == name || sampler.alias == name) return sampler;
    names.emplace_back(sampler.name);
  }
  if (name.empty()) return kSamplers.front();  // a scheduler we have no counterpart of: any solver fits the schedule
  const std::string near = nearest_word(name, names);
  throw ConfigError(text("unknown sampler \"", name, "\""), "sampler",
                    text(near.empty() ? "" : text("did you mean ", near, "? "), "known: ", join(names, ", ")));
}

}  // namespace atelier
