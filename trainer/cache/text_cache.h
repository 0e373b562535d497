// What the text encoders answer for the captions of a run, encoded once and kept.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "data/loader/sample_caption.h"
#include "trainer/cache/record_fill.h"
#include "trainer/prompting/prompt_encoder.h"

namespace atelier {

/// A record is encoder_hidden_states [L, D], then text_embeds [P]. It is found by the caption alone, so pictures with
/// equal captions share one, and a caption that is not there (a rare one of a dropout) is simply encoded.
class TextCache {
 public:
  /// Opens the cache of these text encoders under `cache_dir`. The model, in its place, and the dataset must outlive
  /// it. ConfigError when captions change from epoch to epoch, naming the options that change them; leaving out the
  /// whole caption is none of them.
  TextCache(const std::filesystem::path& cache_dir, const Dataset& dataset, const StableDiffusionXL& model,
            at::Device device, const PromptOptions& prompts);

  /// Encodes what is missing of the plan's captions, and the empty one (fill_records).
  FillReport fill();

  /// In the type that the encoders answer in. Captions that are not there are encoded, they alone: whether a caption is
  /// rounded to the cache's type does not depend on its batch.
  Conditioning encode(std::span<const std::string> captions) const;

  /// The captions that the plan will ask for, as groups of one shape. Items are rows of the manifest.
  std::vector<WantedGroup> wanted() const;
  const RecordStore& store() const { return store_; }

 private:
  void make(std::span<const WantedRecord> missing, RecordSink& sink) const;

  const Dataset& dataset_;
  at::Device device_;
  PromptEncoder encoder_;
  SampleCaptions captions_;
  int64_t length_, width_, pooled_width_;  // L, D, P
  at::ScalarType type_;                    // of what the encoders answer
  RecordStore store_;
};

}  // namespace atelier
