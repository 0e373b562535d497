// How pictures are read while training: workers, memory, what is done about bad ones (`dataset.loader`).
#pragma once

#include <cstdint>
#include <string>

#include "configs/schema/field.h"

namespace atelier {

struct LoaderOptions {
  int64_t max_data_loader_n_workers = 0;
  int64_t prefetch_steps = 2;
  double max_memory_gb = 2;
  int64_t max_bad_samples = 100;
  std::string alpha_background = "#ffffff";
  bool flip_aug = false;
  bool random_crop = false;
  bool alpha_mask = false;
  double prior_loss_weight = 1;
};

inline void describe(Section& section, LoaderOptions& options) {
  section.field("max_data_loader_n_workers", options.max_data_loader_n_workers)
      .range(0, 1024)
      .doc("Threads that decode pictures; 0: one a core.");
  section.field("prefetch_steps", options.prefetch_steps)
      .range(0, 1024)
      .unit("steps")
      .doc("Steps whose pictures are read ahead of the one in training.");
  section.field("max_memory_gb", options.max_memory_gb)
      .range(0.01, 4096)
      .unit("GB")
      .doc("Most memory that pictures read ahead may take; a step is always read whole.");
  section.field("max_bad_samples", options.max_bad_samples)
      .at_least(0)
      .doc(
          "Pictures that cannot be decoded are trained with weight 0 and counted; more than this many in one process "
          "end the run.");
  section.field("alpha_background", options.alpha_background).doc("Colour behind transparent pixels, #rrggbb.");
  section.field("flip_aug", options.flip_aug)
      .doc(
          "Half of all samples, by a coin of their own, are mirrored left to right. A source may say otherwise for "
          "itself.");
  section.field("random_crop", options.random_crop)
      .doc(
          "What a bucket cuts off is cut at a random place instead of evenly at both sides; what was cut is what SDXL "
          "is told. A source may say otherwise for itself.");
  section.field("alpha_mask", options.alpha_mask)
      .doc(
          "A picture's alpha channel is its mask for masked loss; a mask of the source's mask_dir goes before. A "
          "source may say otherwise for itself.");
  section.field("prior_loss_weight", options.prior_loss_weight)
      .range(0, 1000)
      .doc("Factor on the loss of the pictures of sources with is_reg.");
}

}  // namespace atelier
