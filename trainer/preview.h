// Pictures while training: OUTPUT_DIR/samples/step-XXXXXXXX/.
#pragma once

#include <filesystem>

#include "models/pipeline/stable_diffusion_xl.h"
#include "trainer/options/run_options.h"
#include "trainer/prompting/prompt_encoder.h"

namespace atelier {

class Preview {
 public:
  /// Reads the prompts; ConfigError for a missing or empty file.
  Preview(const SampleOptions& options, const StableDiffusionXL& model, at::Device device);

  /// One picture a prompt, and grid.png; `folder` appears whole.
  void write(const std::filesystem::path& folder) const;

 private:
  SampleOptions options_;
  const StableDiffusionXL& model_;
  PromptEncoder encoder_;
  std::vector<std::string> prompts_;
};

}  // namespace atelier
