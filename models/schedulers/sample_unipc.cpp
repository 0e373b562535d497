#include <ATen/ATen.h>

#include <cmath>

#include "models/schedulers/sigmas.h"

namespace atelier {
namespace {

// One step from sigma to next: what predictor and corrector share. Lengths are in lambda = -log(sigma).
struct UniPcStep {
  double sigma, next;
  double length_before = 0;  // of the step before; 0: there is none, first order

  double length() const { return std::log(sigma / next); }
  double ratio() const { return next / sigma; }
};

// Weights of the corrector's two differences: they make it exact to third order (Zhao et al. 2023, formula 5 with
// B(h) = e^h - 1, in data prediction: h negative).
struct CorrectorWeights {
  double before, here;
};

CorrectorWeights corrector_weights(const UniPcStep& step) {
  if (step.length_before == 0) return {0, 0.5};
  const double h = -step.length(), growth = std::expm1(h), place = -step.length_before / step.length();
  const double phi_2 = growth / h - 1, phi_3 = phi_2 / h - 0.5;
  const double first = phi_2 / growth, second = 2 * phi_3 / growth;
  const double before = (first - second) / (1 - place);
  return {before, first - before};
}

}  // namespace

at::Tensor sample_unipc(const SamplerTask& task) {
  const SigmaSteps steps = multistep_sigma_steps(task.schedule, task.steps);
  at::Tensor sample = task.noise * std::hypot(steps.sigmas[0], 1.0);
  at::Tensor start, clean, change;  // of the step just made: its first sample, its picture, and that one's change
  UniPcStep step{};
  for (size_t i = 0; i < steps.count(); ++i) {
    const double sigma = steps.sigmas[i];
    const at::Tensor seen = clean_estimate({task.schedule, task.denoiser, sample, steps.timesteps[i], sigma});
    if (i > 0) {  // the step that led here again, now that its end is known
      const CorrectorWeights weights = corrector_weights(step);
      at::Tensor towards = clean + (seen - clean) * weights.here;
      if (change.defined()) towards = towards + change * weights.before;
      sample = start * step.ratio() + towards * (1 - step.ratio());
    }
    const double length_before = i > 0 ? step.length() : 0;
    step = {sigma, steps.sigmas[i + 1], 0};
    const at::Tensor clean_before = clean;
    start = sample;
    clean = seen;
    change = at::Tensor();
    at::Tensor towards = clean;
    if (i > 0 && step.next > 0) {
      step.length_before = length_before;
      change = (clean - clean_before) * (step.length() / length_before);
      towards = clean + 0.5 * change;
    }
    sample = sample * step.ratio() + towards * (1 - step.ratio());
  }
  return sample;
}

}  // namespace atelier
