// Where posts and pictures come from: one element of `dataset.sources`.
#pragma once

#include <optional>
#include <string>

#include "configs/schema/field.h"
#include "data/options/caption_options.h"

namespace atelier {

struct SourceOptions {
  std::string path;
  std::string kind = "auto";
  std::string name;
  double repeats = 1.0;
  std::string caption_extension = ".txt";
  std::optional<std::string> image_dir;
  std::string rating_scheme = "auto";
  bool kohya_folders = false;
  bool is_reg = false;
  std::string class_tokens;
  std::optional<std::string> mask_dir;
  std::optional<bool> flip_aug;  // these three: null is dataset.loader's
  std::optional<bool> random_crop;
  std::optional<bool> alpha_mask;
  std::optional<CaptionOptions> captions;
};

void describe(Section& section, SourceOptions& options);

}  // namespace atelier
