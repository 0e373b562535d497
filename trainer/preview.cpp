#include "trainer/preview.h"

#include <cstdio>

#include "configs/base/atomic_file.h"
#include "models/image_io/png.h"
#include "models/schedulers/samplers.h"
#include "trainer/prompting/draw.h"
#include "trainer/prompting/picture_text.h"

namespace atelier {
namespace {

// What the lines of the prompt file do not say is the run's; prompts without a seed count up from its.
std::vector<Shot> read_shots(const SampleOptions& options) {
  PromptLine defaults;
  defaults.options.width = options.width;
  defaults.options.height = options.height;
  defaults.options.steps = options.steps;
  defaults.options.guidance_scale = options.guidance_scale;
  defaults.options.guidance_rescale = options.guidance_rescale;
  defaults.options.sampler = options.sampler;
  std::vector<Shot> shots;
  for (const PromptLine& line : read_prompts(options.prompts.value_or(""), defaults)) {
    append_shots(line, static_cast<uint64_t>(options.seed) + shots.size(), 1, shots);
  }
  return shots;
}

}  // namespace

Preview::Preview(const SampleOptions& options, const PromptOptions& reading, const StableDiffusionXL& model,
                 at::Device device)
    : model_(model),
      encoder_(model, device, reading, /*warn_of_cuts=*/true),
      shots_(read_shots(options)),
      clip_skip_(reading.clip_skip) {
  for (const Shot& shot : shots_) samplers_.push_back(&find_sampler(shot.options.sampler, model.scheduler));
  require_drawable(model, shots_, samplers_);
}

void Preview::write(const std::filesystem::path& folder) const {
  std::filesystem::create_directories(folder.parent_path());
  AtomicFolder out(folder, /*replace=*/true);
  const std::string model = folder.filename().string();  // "step-00000200"
  PictureOrigin origin;
  origin.model = model;
  origin.clip_skip = clip_skip_;

  std::vector<HostPicture> pictures(shots_.size());
  DrawOptions options;
  options.on_picture = [&](size_t i, const HostPicture& picture, const at::Tensor&) {
    char name[32];
    std::snprintf(name, sizeof name, "%03zu.png", i);
    write_png(out.temporary_path() / name, picture.rgb, picture.width, picture.height,
              {{"parameters", parameters_text(shots_[i], *samplers_[i], origin)}});
    pictures[i] = picture;
  };
  draw_shots(model_, encoder_, shots_, options);

  const GridText words = grid_text(shots_, samplers_, model);
  const HostPicture grid = make_grid(pictures, words.labels, /*columns=*/0, words.legend);
  write_png(out.temporary_path() / "grid.png", grid.rgb, grid.width, grid.height);
  out.commit();
}

}  // namespace atelier
