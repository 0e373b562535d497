// Where posts and pictures come from: one element of `dataset.sources`.
#pragma once

#include <optional>
#include <string>

#include "configs/schema/field.h"

namespace atelier {

struct SourceOptions {
  std::string path;
  double repeats = 1.0;
  std::string caption_extension = ".txt";
  std::optional<std::string> image_dir;
  std::string rating_scheme = "auto";
};

void describe(Section& section, SourceOptions& options);

}  // namespace atelier
