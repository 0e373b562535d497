#include "trainer/prompting/prompts.h"

#include "configs/base/atomic_file.h"
#include "configs/base/error.h"
#include "configs/base/text.h"

namespace atelier {

std::vector<std::string> read_prompts(const std::filesystem::path& file) {
  std::vector<std::string> prompts;
  const std::string content = read_file(file);
  for (const std::string_view line : split(content, '\n')) {
    const std::string_view prompt = trim(line);
    if (!prompt.empty() && prompt.front() != '#') prompts.emplace_back(prompt);
  }
  if (prompts.empty()) throw ConfigError("the file holds no prompt", file.string(), "write one prompt a line");
  return prompts;
}

std::string parameters_text(const PictureParameters& parameters) {
  const std::string negative =
      parameters.negative_prompt.empty() ? "" : text("\nNegative prompt: ", parameters.negative_prompt);
  return text(parameters.prompt, negative, "\nSteps: ", parameters.steps, ", Sampler: ", parameters.sampler,
              ", CFG scale: ", shortest(parameters.guidance_scale), ", Seed: ", parameters.seed,
              ", Size: ", parameters.width, 'x', parameters.height, ", Model: ", parameters.model,
              ", Version: atelier");
}

}  // namespace atelier
