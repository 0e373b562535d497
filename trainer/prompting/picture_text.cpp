#include "trainer/prompting/picture_text.h"

#include <algorithm>

#include "configs/base/text.h"

namespace atelier {
namespace {

// A1111 puts a value that would confuse its reader in JSON's quotes.
std::string quoted(const std::string& value) {
  if (value.find_first_of(",\n:") == std::string::npos) return value;
  std::string result = "\"";
  for (const char c : value) {
    if (c == '"' || c == '\\') result += '\\';
    result += c == '\n' ? std::string("\\n") : std::string(1, c);
  }
  return result + '"';
}

std::string size_text(const PictureOptions& options) { return text(options.width, 'x', options.height); }

std::string sampler_text(const Sampler& sampler) {
  return sampler.karras ? text(sampler.label, ' ', sampler.schedule_type) : std::string(sampler.label);
}

// A shot's settings one by one, in the order in which a reader looks for them.
std::vector<std::string> settings(const Shot& shot, const Sampler& sampler) {
  return {shot.prompt,
          shot.negative_prompt.empty() ? "" : text("not: ", shot.negative_prompt),
          text("seed ", shot.seed),
          size_text(shot.options),
          text(shot.options.steps, " steps"),
          text("CFG ", shortest(shot.options.guidance_scale)),
          sampler_text(sampler)};
}

std::string joined_settings(std::span<const std::string> parts) {
  std::vector<std::string> present;
  std::copy_if(parts.begin(), parts.end(), std::back_inserter(present), [](const auto& part) { return !part.empty(); });
  return join(present, " | ");
}

}  // namespace

std::string parameters_text(const Shot& shot, const Sampler& sampler, const PictureOrigin& origin) {
  std::vector<std::string> pairs;
  const auto add = [&](std::string_view key, const std::string& value) {
    if (!value.empty()) pairs.push_back(text(key, ": ", quoted(value)));
  };
  add("Steps", text(shot.options.steps));
  add("Sampler", std::string(sampler.label));
  add("Schedule type", std::string(sampler.schedule_type));
  add("CFG scale", shortest(shot.options.guidance_scale));
  add("Seed", text(shot.seed));
  add("Size", size_text(shot.options));
  add("Model hash", origin.model_hash);
  add("Model", origin.model);
  if (origin.clip_skip != PictureOrigin().clip_skip) add("Clip skip", text(origin.clip_skip));
  if (shot.options.guidance_rescale > 0) add("Guidance rescale", shortest(shot.options.guidance_rescale));
  std::vector<std::string> hashes;
  for (const auto& [name, hash] : origin.lora_hashes) hashes.push_back(text(name, ": ", hash));
  add("Lora hashes", join(hashes, ", "));
  add("Version", "atelier");
  const std::string negative = shot.negative_prompt.empty() ? "" : text("\nNegative prompt: ", shot.negative_prompt);
  return text(shot.prompt, origin.prompt_extra, negative, '\n', join(pairs, ", "));
}

GridText grid_text(std::span<const Shot> shots, std::span<const Sampler* const> samplers, const std::string& model) {
  std::vector<std::vector<std::string>> all;
  for (size_t i = 0; i < shots.size(); ++i) all.push_back(settings(shots[i], *samplers[i]));
  std::vector<std::string> common;
  for (size_t part = 0; part < all.front().size(); ++part) {
    const std::string first = all.front()[part];
    if (!std::all_of(all.begin(), all.end(), [&](const auto& one) { return one[part] == first; })) continue;
    common.push_back(first);
    for (std::vector<std::string>& one : all) one[part].clear();
  }
  common.push_back(model);
  GridText result;
  for (const std::vector<std::string>& one : all) result.labels.push_back(joined_settings(one));
  result.legend = joined_settings(common);
  return result;
}

}  // namespace atelier
