// What a plan comes to, counted from the plan itself: for `dataset plan`, the statistics report and the model card.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "data/plan/plan.h"

namespace atelier {

struct PlanReport {
  struct Class {
    std::string name;
    int64_t posts = 0;
    double natural = 0;   // share of the posts
    double wanted = 0;    // share of the samples that balance aims at; the sources' repeats come on top
    double reached = 0;   // share of the samples of this run
    double repeats = 0;   // of one post an epoch, before the source's
    int64_t samples = 0;  // in this run
  };
  struct Bucket {
    BucketSize size;
    bool small = false;  // less than one batch an epoch
    int64_t posts = 0;
    BucketUse use;                       // in this run
    double fill = 0;                     // samples / what its batches could hold
    std::vector<int64_t> class_samples;  // by class, in this run
  };

  int64_t steps = 0, epochs = 0;  // epochs begun
  int64_t batch_size = 0, batches = 0, short_batches = 0;
  int64_t pictures = 0;  // usable ones
  int64_t samples = 0;   // in this run, padding not counted
  double samples_per_epoch = 0;
  double largest_repeat = 0;  // of a picture an epoch, all included
  // How often one picture is seen in this run.
  double mean_exposure = 0;
  int64_t largest_exposure = 0;
  int64_t unreached = 0;  // pictures never seen
  int64_t upscaled = 0;   // pictures that are enlarged
  double crop_loss = 0;   // share of the picture's area cut off, mean over the samples
  std::vector<Class> classes;
  std::vector<Bucket> buckets;
};

/// `uses` is plan.uses(): taken as an argument because callers list what was never reached from it, too.
PlanReport make_plan_report(const Plan& plan, const std::vector<uint32_t>& uses);

}  // namespace atelier
