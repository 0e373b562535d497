// Where the pictures of `sample` go: files as they are done, the grid at the end, the latents on request.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "models/image_io/grid.h"
#include "models/schedulers/samplers.h"
#include "trainer/prompting/picture_text.h"

namespace atelier {

class SampleOutput {
 public:
  struct Paths {
    std::filesystem::path out;      // FILE.png: the picture, or the grid of several; else a folder for both
    std::filesystem::path latents;  // safetensors; empty: none
    int64_t columns = 0;            // of the grid; 0: about as many as rows
  };

  /// ConfigError if `out` has a name that pictures cannot have, or its folder is not there.
  static void check(const Paths& paths);

  /// `samplers`: one a shot. All must outlive it.
  SampleOutput(Paths paths, std::span<const Shot> shots, std::span<const Sampler* const> samplers,
               PictureOrigin origin);

  /// Writes what can be written now; the path goes to stdout.
  void add(size_t shot, const HostPicture& picture, const at::Tensor& latents);
  /// The grid and the latents.
  void finish();

 private:
  void write_picture(size_t shot, const std::filesystem::path& path, const HostPicture& picture) const;
  void write_grid(const std::filesystem::path& path) const;

  Paths paths_;
  std::span<const Shot> shots_;
  std::span<const Sampler* const> samplers_;
  PictureOrigin origin_;
  bool has_grid_;
  std::vector<HostPicture> pictures_;  // kept for the grid
  std::vector<at::Tensor> latents_;    // [C, h, w] each, kept for their file
};

}  // namespace atelier
