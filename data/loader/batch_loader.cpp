#include "data/loader/batch_loader.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <span>
#include <unordered_set>
#include <utility>

#include "configs/base/error.h"
#include "configs/base/log.h"
#include "configs/base/text.h"
#include "configs/base/thread_pool.h"
#include "data/dataset.h"
#include "data/loader/picture_reader.h"
#include "data/loader/sample_caption.h"

namespace atelier {
namespace {

constexpr int64_t kChannels = 3;
constexpr double kBytesPerGigabyte = 1e9;

struct BadSample {
  LoadedSample* sample;
  std::string reason;
};

/// A step on its way. Workers write into their samples' places; the rest is guarded by the loader's mutex.
struct PendingStep {
  LoadedStep loaded;
  int64_t bytes = 0;  // of pixels and masks
  int64_t samples_left = 0;
  std::vector<BadSample> bad;
  std::vector<const LoadedSample*> without_mask;
  std::exception_ptr error;  // not the picture's fault
};

/// One sample's part of the batch's pixels or masks; nothing of nothing.
std::span<uint8_t> part_of(std::vector<uint8_t>& bytes, const LoadedBatch& batch, size_t index) {
  const size_t each = bytes.size() / batch.samples.size();
  return std::span(bytes).subspan(index * each, each);
}

}  // namespace

struct BatchLoader::State {
  State(const Dataset& data, const BatchingOptions& batching_options, int64_t own_rank, int64_t ranks, int64_t first,
        IsCached cached)
      : dataset(data),
        batching(batching_options),
        options(data.options().loader),
        pictures(data),
        is_cached(std::move(cached)),
        captions(data.manifest(), data.options(), data.seed(), data.plan().total_steps()),
        rank(own_rank),
        world_size(ranks),
        next_step(first),
        pool(options.max_data_loader_n_workers > 0 ? static_cast<int>(options.max_data_loader_n_workers)
                                                   : available_cores()) {}
  ~State() { stopping = true; }  // what is queued returns at once; the pool is the first member to go

  void read_ahead();
  void start(int64_t step);
  std::unique_ptr<PendingStep> plan_step(int64_t step) const;
  LoadedBatch plan_batch(const MicroBatch& micro) const;
  LoadedSample plan_sample(const PlannedSample& planned, float weight, int32_t width, int32_t height) const;
  void load(PendingStep& pending, LoadedBatch& batch, size_t index);
  bool fill_sample(int64_t step, LoadedBatch& batch, size_t index) const;
  void wait_for(const PendingStep& pending);
  void give_bad(PendingStep& pending);
  void give_without_mask(PendingStep& pending);

  const Dataset& dataset;
  const BatchingOptions batching;
  const LoaderOptions options;
  const PictureReader pictures;
  const IsCached is_cached;
  const SampleCaptions captions;
  const int64_t rank, world_size;
  int64_t next_step;  // not yet begun
  int64_t pending_bytes = 0;
  double waited_seconds = 0;
  std::unordered_set<int64_t> bad_rows, rows_without_mask;
  int64_t next_mask_warning = 1;

  std::mutex mutex;
  std::condition_variable sample_done;
  std::atomic<bool> stopping = false;
  std::deque<std::unique_ptr<PendingStep>> pending_steps;
  ThreadPool pool;
};

void BatchLoader::State::read_ahead() {
  while (next_step <= dataset.plan().total_steps() && std::ssize(pending_steps) <= options.prefetch_steps) {
    if (!pending_steps.empty() && double(pending_bytes) >= options.max_memory_gb * kBytesPerGigabyte) return;
    start(next_step++);
  }
}

LoadedSample BatchLoader::State::plan_sample(const PlannedSample& planned, float weight, int32_t width,
                                             int32_t height) const {
  const Manifest& manifest = dataset.manifest();
  LoadedSample sample;
  sample.row = planned.row;
  sample.epoch = planned.epoch;
  sample.repeat = planned.repeat;
  sample.id = manifest.id(planned.row);
  sample.is_reg = dataset.options().sources[static_cast<size_t>(manifest.source(planned.row))].is_reg;
  const double factor = dataset.loss_weight(planned.row) * (sample.is_reg ? options.prior_loss_weight : 1);
  sample.weight = static_cast<float>(weight * factor);
  sample.counts = weight > 0;
  sample.original_width = manifest.width(planned.row);
  sample.original_height = manifest.height(planned.row);
  const Placement placement = pictures.placement(planned, width, height);
  sample.crop_top = placement.crop_top;
  sample.crop_left = seen_crop_left(placement);
  sample.flipped = placement.flipped;
  sample.person_class = static_cast<int32_t>(manifest.person(planned.row).person_class);
  sample.is_cached = is_cached && is_cached(sample, width, height);
  return sample;
}

LoadedBatch BatchLoader::State::plan_batch(const MicroBatch& micro) const {
  LoadedBatch batch{micro.width, micro.height, {}, {}};
  for (size_t i = 0; i < micro.samples.size(); ++i) {
    batch.samples.push_back(plan_sample(micro.samples[i], micro.weights[i], micro.width, micro.height));
  }
  const size_t area = static_cast<size_t>(micro.width) * static_cast<size_t>(micro.height);
  if (!std::ranges::all_of(batch.samples, &LoadedSample::is_cached)) {
    batch.pixels.resize(batch.samples.size() * area * kChannels);
  }
  if (pictures.has_masks()) batch.masks.resize(batch.samples.size() * area);
  return batch;
}

std::unique_ptr<PendingStep> BatchLoader::State::plan_step(int64_t step) const {
  auto pending = std::make_unique<PendingStep>();
  pending->loaded.step = step;
  pending->loaded.epoch = dataset.plan().epoch_of_step(step);
  for (const GlobalBatch& global : dataset.plan().step(step)) {
    pending->loaded.global_samples += std::ssize(global.samples);
    for (const MicroBatch& micro : rank_share(global, batching, rank, world_size)) {
      LoadedBatch batch = plan_batch(micro);
      pending->bytes += std::ssize(batch.pixels) + std::ssize(batch.masks);
      pending->samples_left += std::ssize(batch.samples);
      pending->loaded.micro_batches.push_back(std::move(batch));
    }
  }
  return pending;
}

void BatchLoader::State::start(int64_t step) {
  PendingStep& pending = *pending_steps.emplace_back(plan_step(step));
  pending_bytes += pending.bytes;
  for (LoadedBatch& batch : pending.loaded.micro_batches) {
    for (size_t i = 0; i < batch.samples.size(); ++i) {
      pool.submit([this, &pending, &batch, i] { load(pending, batch, i); });
    }
  }
}

/// Caption, pixels and mask of one sample; false if its mask is missing. Throws DataError if the picture is bad.
bool BatchLoader::State::fill_sample(int64_t step, LoadedBatch& batch, size_t index) const {
  LoadedSample& sample = batch.samples[index];
  sample.caption = captions.caption(sample.row, sample.epoch, sample.repeat, step - 1).text;
  if (sample.weight == 0) return true;
  const Placement placement = pictures.placement({sample.row, sample.epoch, sample.repeat}, batch.width, batch.height);
  const std::span<uint8_t> rgb = sample.is_cached ? std::span<uint8_t>{} : part_of(batch.pixels, batch, index);
  return pictures.read(sample.row, placement, {.rgb = rgb, .mask = part_of(batch.masks, batch, index)});
}

void BatchLoader::State::load(PendingStep& pending, LoadedBatch& batch, size_t index) {
  std::string bad_reason;
  std::exception_ptr error;
  bool has_mask = true;
  if (!stopping) {
    try {
      has_mask = fill_sample(pending.loaded.step, batch, index);
    } catch (const DataError& fault) {
      bad_reason = fault.summary();
      std::ranges::fill(part_of(batch.pixels, batch, index), uint8_t{0});
      std::ranges::fill(part_of(batch.masks, batch, index), uint8_t{0});
    } catch (...) {
      error = std::current_exception();
    }
  }
  {
    const std::lock_guard lock(mutex);
    if (!bad_reason.empty()) pending.bad.push_back({&batch.samples[index], std::move(bad_reason)});
    if (!has_mask) pending.without_mask.push_back(&batch.samples[index]);
    if (error) pending.error = error;
    --pending.samples_left;
  }
  sample_done.notify_one();
}

void BatchLoader::State::wait_for(const PendingStep& pending) {
  const auto began = std::chrono::steady_clock::now();
  std::unique_lock lock(mutex);
  sample_done.wait(lock, [&] { return pending.samples_left == 0; });
  waited_seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
}

/// Counted when the step is given, not when it is found, so that a run's messages do not depend on its threads.
void BatchLoader::State::give_bad(PendingStep& pending) {
  std::ranges::sort(pending.bad, {}, [](const BadSample& bad) { return bad.sample->row; });
  for (auto& [sample, reason] : pending.bad) {
    sample->weight = 0;
    sample->counts = false;
    if (!bad_rows.insert(sample->row).second) continue;
    log_warning("picture left out: ", sample->id, ": ", reason, " (", dataset.manifest().path(sample->row), ")");
    if (std::ssize(bad_rows) > options.max_bad_samples) {
      throw DataError(text("more than ", options.max_bad_samples, " pictures cannot be decoded; the last: ", reason),
                      std::string(dataset.manifest().path(sample->row)),
                      "repair or remove them and build the dataset again, or raise dataset.loader.max_bad_samples");
    }
  }
}

/// Told at the first, the tenth, the hundredth ...: names that do not match show early, and a few do not flood the log.
void BatchLoader::State::give_without_mask(PendingStep& pending) {
  std::ranges::sort(pending.without_mask, {}, &LoadedSample::row);
  for (const LoadedSample* sample : pending.without_mask) {
    if (!rows_without_mask.insert(sample->row).second || std::ssize(rows_without_mask) != next_mask_warning) continue;
    log_warning("no mask for ", sample->id, ": pictures without one count fully (", next_mask_warning, " so far)");
    next_mask_warning *= 10;
  }
}

BatchLoader::BatchLoader(const Dataset& dataset, const BatchingOptions& batching, int64_t rank, int64_t world_size,
                         int64_t first_step, IsCached is_cached)
    : state_(std::make_unique<State>(dataset, batching, rank, world_size, first_step, std::move(is_cached))) {
  state_->read_ahead();
}

BatchLoader::~BatchLoader() = default;

std::optional<LoadedStep> BatchLoader::next() {
  State& state = *state_;
  state.read_ahead();
  if (state.pending_steps.empty()) return std::nullopt;
  state.wait_for(*state.pending_steps.front());
  const std::unique_ptr<PendingStep> pending = std::move(state.pending_steps.front());
  state.pending_steps.pop_front();
  state.pending_bytes -= pending->bytes;
  if (pending->error) std::rethrow_exception(pending->error);
  state.give_bad(*pending);
  state.give_without_mask(*pending);
  state.read_ahead();
  return std::move(pending->loaded);
}

double BatchLoader::wait_seconds() const { return state_->waited_seconds; }
int64_t BatchLoader::bad_samples() const { return std::ssize(state_->bad_rows); }
int64_t BatchLoader::samples_without_mask() const { return std::ssize(state_->rows_without_mask); }

}  // namespace atelier
