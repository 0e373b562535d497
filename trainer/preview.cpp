#include "trainer/preview.h"

#include <ATen/ATen.h>

#include <cmath>
#include <cstdio>

#include "configs/base/atomic_file.h"
#include "models/image_io/grid.h"
#include "models/image_io/png.h"
#include "models/schedulers/samplers.h"
#include "trainer/prompting/prompts.h"

namespace atelier {
namespace {

HostPicture host_picture(const at::Tensor& pixels /*[H, W, 3] u8*/) {
  const at::Tensor host = pixels.contiguous();
  const uint8_t* data = host.const_data_ptr<uint8_t>();
  return {host.size(1), host.size(0), std::vector<uint8_t>(data, data + host.numel())};
}

}  // namespace

Preview::Preview(const SampleOptions& options, const StableDiffusionXL& model, at::Device device)
    : options_(options), model_(model), encoder_(model, device), prompts_(read_prompts(options.prompts.value_or(""))) {}

void Preview::write(const std::filesystem::path& folder) const {
  const at::NoGradGuard no_grad;
  std::filesystem::create_directories(folder.parent_path());
  AtomicFolder out(folder, /*replace=*/true);
  GenerateOptions options;
  options.width = options_.width;
  options.height = options_.height;
  options.steps = options_.steps;
  options.guidance_scale = options_.guidance_scale;
  options.sampler = options_.sampler;

  const Sampler& sampler = find_sampler(options.sampler, model_.scheduler);
  std::vector<HostPicture> pictures;
  for (size_t i = 0; i < prompts_.size(); ++i) {
    const uint64_t seed = static_cast<uint64_t>(options_.seed) + i;
    const std::string negative;
    const at::Tensor pixels = model_.generate(options, encoder_.encode(std::span(&prompts_[i], 1)),
                                              encoder_.encode(std::span(&negative, 1)), std::span(&seed, 1));
    pictures.push_back(host_picture(pixels[0]));
    char name[32];
    std::snprintf(name, sizeof name, "%03zu.png", i);
    write_png(out.temporary_path() / name, pictures.back().rgb, pictures.back().width, pictures.back().height,
              {{"parameters", parameters_text({prompts_[i], "", options.steps, sampler.label, options.guidance_scale,
                                               seed, options.width, options.height, "preview"})}});
  }
  const auto columns = static_cast<int64_t>(std::ceil(std::sqrt(static_cast<double>(pictures.size()))));
  const HostPicture grid = make_grid(pictures, prompts_, columns);
  write_png(out.temporary_path() / "grid.png", grid.rgb, grid.width, grid.height);
  out.commit();
}

}  // namespace atelier
