// What decides batches and the length of a run: the first fields of the `train` section, needed by the plan.
#pragma once

#include <cstdint>
#include <optional>

#include "configs/schema/field.h"

namespace atelier {

struct BatchingOptions {
  int64_t train_batch_size = 1;              // samples a process and micro-batch, at most
  std::optional<int64_t> global_batch_size;  // samples a step, all processes together
  int64_t gradient_accumulation_steps = 1;   // batches a step; with global_batch_size it follows by itself
  std::optional<int64_t> max_train_steps;    // exactly one of these two
  std::optional<int64_t> max_train_epochs;
};

/// Adds the fields to the surrounding `train` section.
inline void describe_batching(Section& section, BatchingOptions& options) {
  section.field("train_batch_size", options.train_batch_size)
      .range(1, 65536)
      .unit("samples")
      .doc("Samples a process and micro-batch, at most.");
  section.field("global_batch_size", options.global_batch_size)
      .range(1, 1 << 24)
      .unit("samples")
      .doc(
          "Fixes the whole step, all processes together: micro-batch and accumulation follow from the number of "
          "processes, which must divide it.");
  section.field("gradient_accumulation_steps", options.gradient_accumulation_steps)
      .range(1, 65536)
      .unit("batches")
      .doc("Batches a step (without global_batch_size).");
  section.field("max_train_steps", options.max_train_steps)
      .range(1, 1e9)
      .unit("steps")
      .doc("Length of the run in optimizer steps; either this or max_train_epochs.");
  section.field("max_train_epochs", options.max_train_epochs)
      .range(1, 1e6)
      .unit("epochs")
      .doc("Length of the run in epochs; either this or max_train_steps.");
}

}  // namespace atelier
