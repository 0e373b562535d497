// The distributions that the autoencoder answers for the pictures of a run, encoded once and kept.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <unordered_set>
#include <vector>

#include "data/dataset.h"
#include "data/loader/batch_loader.h"
#include "data/loader/picture_reader.h"
#include "models/autoencoder/autoencoder.h"
#include "trainer/cache/record_fill.h"

namespace atelier {

class ThreadPool;

/// [n, 3, H, W] in -1..1 on `device`, of `pixels` [n, H, W, 3]: what encoders are given.
at::Tensor encoder_input(std::span<const uint8_t> pixels, int64_t count, int64_t height, int64_t width,
                         at::Device device);

/// A record is the mean [C, h, w], then the deviation unless the encoder is certain, so a fresh sample is drawn every
/// time, as without a cache.
class LatentCache {
 public:
  /// Opens the cache of this autoencoder under `cache_dir`. All three must outlive it, the autoencoder in its place.
  /// Crops at random, of which every use needs a record of its own, are refused by check_run().
  LatentCache(const std::filesystem::path& cache_dir, const Dataset& dataset, const Autoencoder& autoencoder,
              at::Device device);

  /// Encodes what is missing of the plan's pictures, together with all processes that do so (fill_records). Pictures
  /// that cannot be decoded are counted and left out. DataError for more than `dataset.loader.max_bad_samples`.
  FillReport fill();

  /// Whether this use of a picture needs no pixels, in a batch of this size. If so, the kernel begins to read its
  /// record. Thread-safe.
  bool holds(const LoadedSample& sample, int32_t width, int32_t height) const;

  /// Of the samples `rows` of a batch: their pixels are there.
  using EncodeRows = std::function<LatentDistribution(std::span<const int64_t> rows)>;
  /// Of every sample of `batch`, fp32 on the device. Those that are not in the cache are given to `encode`, unless they
  /// count nothing (weight 0), which are zeros. DataError for a damaged record.
  LatentDistribution posterior(const LoadedBatch& batch, const EncodeRows& encode) const;

  /// The samples that the plan will ask for, by shape of their records.
  std::vector<WantedGroup> wanted() const;
  const RecordStore& store() const { return store_; }

 private:
  /// Adds what is wanted of a row at one size: with flip_aug, both ways round.
  void add_wanted(int64_t row, const BucketSize& size, WantedGroup& group) const;
  PictureView view(const Placement& placement) const { return {placement, background_}; }
  std::vector<int64_t> record_shape(int64_t width, int64_t height) const;
  std::optional<RecordPlace> find(const LoadedSample& sample, int32_t width, int32_t height) const;
  void make(ThreadPool& pool, const WantedGroup& group, std::span<const WantedRecord> wanted, RecordSink& sink);
  void note_bad(int64_t row, const std::string& reason);

  const Dataset& dataset_;
  const Autoencoder& autoencoder_;
  at::Device device_;
  PictureReader reader_;
  Rgb background_;
  int64_t planes_;  // 2: mean and deviation; 1: the encoder is certain
  RecordStore store_;
  std::unordered_set<int64_t> bad_rows_;
};

}  // namespace atelier
