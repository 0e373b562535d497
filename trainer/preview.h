// Pictures while training: OUTPUT_DIR/samples/step-XXXXXXXX/.
#pragma once

#include <filesystem>
#include <vector>

#include "models/pipeline/stable_diffusion_xl.h"
#include "models/schedulers/samplers.h"
#include "trainer/options/run_options.h"
#include "trainer/prompting/prompt_encoder.h"
#include "trainer/prompting/prompts.h"

namespace atelier {

class Preview {
 public:
  /// Reads the prompts with their flags; ConfigError for a missing or empty file, a flag that does not fit, or
  /// a picture that the model cannot draw: nothing is left to be found after the first steps.
  /// `reading`: as the run reads captions.
  Preview(const SampleOptions& options, const PromptOptions& reading, const StableDiffusionXL& model,
          at::Device device);

  /// One picture a prompt, and grid.png; `folder` appears whole.
  void write(const std::filesystem::path& folder) const;

 private:
  const StableDiffusionXL& model_;
  PromptEncoder encoder_;
  std::vector<Shot> shots_;
  std::vector<const Sampler*> samplers_;  // of each shot
  int64_t clip_skip_;
};

}  // namespace atelier
