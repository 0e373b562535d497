#include "tools/atelier_model/sample_output.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <array>
#include <cstdio>

#include "configs/base/error.h"
#include "models/image_io/png.h"
#include "models/weights/weights.h"
#include "tools/atelier_model/model_output.h"

namespace atelier {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMostInGrid = 100;  // beside the pictures themselves; a grid that is asked for alone has no bound

// A folder of such a name would be a surprise.
constexpr std::array kOtherPictures = {".jpg", ".jpeg", ".webp", ".avif", ".jxl", ".gif", ".bmp", ".PNG"};

bool is_png(const fs::path& path) { return path.extension() == ".png"; }

void announce(const fs::path& path) {
  std::printf("%s\n", path.c_str());
  std::fflush(stdout);  // a reader of the pipe sees each picture as it is done
}

}  // namespace

void SampleOutput::check(const Paths& paths) {
  if (paths.out.empty()) throw ConfigError("--out has no name", "command line", "name a .png file, or a folder");
  if (is_png(paths.out)) require_parent(paths.out);
  if (!is_png(paths.out) && fs::exists(paths.out) && !fs::is_directory(paths.out)) {
    throw ConfigError("--out is a file that is no .png", paths.out.string(), "name a .png file, or a folder");
  }
  const std::string ending = paths.out.extension().string();
  const bool other = std::find(kOtherPictures.begin(), kOtherPictures.end(), ending) != kOtherPictures.end();
  if (other && !fs::is_directory(paths.out)) {
    throw ConfigError("pictures are written as PNG alone", paths.out.string(), "name a .png file, or a folder");
  }
}

SampleOutput::SampleOutput(Paths paths, std::span<const Shot> shots, std::span<const Sampler* const> samplers,
                           PictureOrigin origin)
    : paths_(std::move(paths)),
      shots_(shots),
      samplers_(samplers),
      origin_(std::move(origin)),
      has_grid_(shots.size() > 1 && (is_png(paths_.out) || shots.size() <= kMostInGrid)),
      pictures_(shots.size()),
      latents_(shots.size()) {
  if (!is_png(paths_.out)) fs::create_directories(paths_.out);
}

void SampleOutput::add(size_t shot, const HostPicture& picture, const at::Tensor& latents) {
  if (!is_png(paths_.out)) {
    char name[64];
    std::snprintf(name, sizeof(name), "%04zu-%llu.png", shot, static_cast<unsigned long long>(shots_[shot].seed));
    write_picture(shot, paths_.out / name, picture);
  } else if (shots_.size() == 1) {
    write_picture(shot, paths_.out, picture);
  }
  if (has_grid_) pictures_[shot] = picture;
  if (!paths_.latents.empty()) latents_[shot] = latents.cpu();
}

void SampleOutput::finish() {
  if (has_grid_) write_grid(is_png(paths_.out) ? paths_.out : paths_.out / "grid.png");
  if (!paths_.latents.empty()) write_tensors(paths_.latents, {{"latents", at::stack(latents_)}});
}

void SampleOutput::write_picture(size_t shot, const fs::path& path, const HostPicture& picture) const {
  write_png(path, picture.rgb, picture.width, picture.height,
            {{"parameters", parameters_text(shots_[shot], *samplers_[shot], origin_)}});
  announce(path);
}

void SampleOutput::write_grid(const fs::path& path) const {
  const GridText words = grid_text(shots_, samplers_, origin_.model);
  const HostPicture grid = make_grid(pictures_, words.labels, paths_.columns, words.legend);
  write_png(path, grid.rgb, grid.width, grid.height,
            {{"parameters", parameters_text(shots_.front(), *samplers_.front(), origin_)}});
  announce(path);
}

}  // namespace atelier
