// Masked loss is refused where no source has masks, whoever switched them off.
#include <gtest/gtest.h>

#include <string>

#include "configs/base/error.h"
#include "trainer/options/run_options.h"

namespace atelier {
namespace {

/// The place of the first mistake.
std::string place_of_mistake(const RunOptions& run) {
  try {
    check_run(run, /*for_training=*/true);
  } catch (const Error& error) {
    return error.where();
  }
  return "none";
}

TEST(MaskOptions, MaskedLossNeedsASourceWithMasks) {
  constexpr const char* kHere = "train.masked_loss";
  RunOptions run;
  run.model.config = "nowhere";  // asked for after the masks
  run.train.batching.max_train_steps = 1;
  run.dataset.sources.resize(2);
  EXPECT_NE(place_of_mistake(run), kHere);
  run.train.masked_loss = true;
  EXPECT_EQ(place_of_mistake(run), kHere);
  run.dataset.loader.alpha_mask = true;
  EXPECT_NE(place_of_mistake(run), kHere);
  run.dataset.sources[0].alpha_mask = false;
  EXPECT_NE(place_of_mistake(run), kHere) << "the other has them";
  run.dataset.sources[1].alpha_mask = false;
  EXPECT_EQ(place_of_mistake(run), kHere);
  run.dataset.sources[1].mask_dir = "masks";
  EXPECT_NE(place_of_mistake(run), kHere);
}

}  // namespace
}  // namespace atelier
