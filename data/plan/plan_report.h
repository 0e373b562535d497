// What a plan comes to, counted from the plan itself: for `dataset plan` (docs/formats/plan_json.md) and the model
// card.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "data/plan/plan.h"

namespace atelier {

struct PlanReport {
  struct Class {
    std::string name;
    int64_t posts = 0;             // regularisation pictures not counted, here and below
    double natural = 0;            // share of the posts
    std::optional<double> wanted;  // share of the samples that balance aims at; the sources' repeats come on top
    double reached = 0;            // share of the samples of this run, by loss weight if there is one
    double repeats = 0;            // of one post an epoch, before the source's, mean over the class
    int64_t samples = 0;           // in this run
  };
  struct Marginal {
    std::string by;
    std::vector<Class> classes;
    std::vector<std::string> unreachable;  // classes with a share that no post can carry
  };
  struct Resolution {
    int32_t resolution = 0;  // px
    double repeats = 1;
    int64_t pictures = 0, samples = 0;          // used at it; in this run
    int64_t upscaled = 0;                       // pictures that are enlarged
    double largest_upscale = 0;                 // factor of a side, of the pictures used
    int64_t upscaled_out = 0, cropped_out = 0;  // pictures that max_upscale, max_crop_loss keep from it
  };
  struct Bucket {
    int32_t resolution = 0;  // px
    BucketSize size;
    bool small = false;  // less than one batch an epoch
    int64_t posts = 0;
    BucketUse use;                       // in this run
    double fill = 0;                     // samples / what its batches could hold
    std::vector<int64_t> class_samples;  // of the first division, in this run; empty if it has many classes
  };

  int64_t steps = 0, epochs = 0;  // epochs begun
  int64_t batch_size = 0, batches = 0, short_batches = 0;
  int64_t pictures = 0;  // usable ones
  int64_t samples = 0;   // in this run, padding not counted
  int64_t padding = 0;   // samples of weight 0 in short batches
  double fill = 0;       // samples / what the batches could hold
  double samples_per_epoch = 0;
  double largest_repeat = 0;  // of a picture an epoch at one resolution, all included
  // How often one picture is seen in this run.
  double mean_exposure = 0;
  int64_t largest_exposure = 0;
  int64_t unreached = 0;  // pictures never seen
  int64_t left_out = 0;  // of them: those in no epoch, as their repeats are 0 or every resolution's limits exclude them
  double crop_loss = 0;  // share of the picture's area cut off, mean over the samples
  int64_t reg_samples = 0;  // of regularisation pictures, in this run

  bool as_loss_weights = false;
  double effective_posts = 0;  // of the repeats or loss weights that balance gives, see Balance
  double cut_off = 0;
  int rake_rounds = 0;
  double rake_error = 0;

  std::vector<Marginal> marginals;  // at least one
  std::vector<Resolution> resolutions;
  std::vector<Bucket> buckets;
};

/// `uses` is plan.uses_of_entries(): taken as an argument because callers list exposure from it, too.
PlanReport make_plan_report(const Plan& plan, const std::vector<uint32_t>& uses);

}  // namespace atelier
