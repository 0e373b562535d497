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
#include "configs/base/mapped_file.h"
#include "configs/base/text.h"
#include "configs/base/thread_pool.h"
#include "data/bucket/crop.h"
#include "data/dataset.h"
#include "data/image/decode.h"
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
  int64_t bytes = 0;  // of pixels
  int64_t samples_left = 0;
  std::vector<BadSample> bad;
  std::exception_ptr error;  // not the picture's fault
};

std::span<uint8_t> pixels_of(LoadedBatch& batch, size_t index) {
  const size_t bytes = static_cast<size_t>(kChannels) * batch.width * batch.height;
  return std::span(batch.pixels).subspan(index * bytes, bytes);
}

}  // namespace

struct BatchLoader::State {
  State(const Dataset& data, const BatchingOptions& batching_options, int64_t own_rank, int64_t ranks, int64_t first)
      : dataset(data),
        batching(batching_options),
        options(data.options().loader),
        decoding{.background = parse_colour(options.alpha_background, "dataset.loader.alpha_background")},
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
  void load(PendingStep& pending, LoadedBatch& batch, size_t index);
  void fill_sample(int64_t step, LoadedBatch& batch, size_t index) const;
  void wait_for(const PendingStep& pending);
  void give_bad(PendingStep& pending);

  const Dataset& dataset;
  const BatchingOptions batching;
  const LoaderOptions options;
  const DecodeOptions decoding;
  const SampleCaptions captions;
  const int64_t rank, world_size;
  int64_t next_step;  // not yet begun
  int64_t pending_bytes = 0;
  double waited_seconds = 0;
  std::unordered_set<int64_t> bad_rows;

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

LoadedBatch BatchLoader::State::plan_batch(const MicroBatch& micro) const {
  const Manifest& manifest = dataset.manifest();
  LoadedBatch batch{micro.width, micro.height, {}, {}};
  for (size_t i = 0; i < micro.samples.size(); ++i) {
    const PlannedSample& planned = micro.samples[i];
    LoadedSample& sample = batch.samples.emplace_back();
    sample.row = planned.row;
    sample.epoch = planned.epoch;
    sample.repeat = planned.repeat;
    sample.id = manifest.id(planned.row);
    sample.weight = micro.weights[i];
    sample.original_width = manifest.width(planned.row);
    sample.original_height = manifest.height(planned.row);
    const ResizePlan resize = plan_resize(sample.original_width, sample.original_height, micro.width, micro.height);
    sample.crop_top = resize.crop_top;
    sample.crop_left = resize.crop_left;
    sample.person_class = static_cast<int32_t>(manifest.person(planned.row).person_class);
  }
  batch.pixels.resize(batch.samples.size() * static_cast<size_t>(kChannels) * micro.width * micro.height);
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
      pending->bytes += std::ssize(batch.pixels);
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

/// Caption and pixels of one sample; throws DataError if the picture is bad.
void BatchLoader::State::fill_sample(int64_t step, LoadedBatch& batch, size_t index) const {
  LoadedSample& sample = batch.samples[index];
  sample.caption = captions.caption(sample.row, sample.epoch, sample.repeat, step - 1).text;
  if (sample.weight == 0) return;
  const ResizePlan resize = plan_resize(sample.original_width, sample.original_height, batch.width, batch.height);
  const Placement placement{resize.resized_w, resize.resized_h, resize.crop_left,
                            resize.crop_top,  batch.width,      batch.height};
  const std::string path(dataset.manifest().path(sample.row));
  const std::array<int32_t, 2> size = decode_image_into(MappedFile(path).bytes(), decoding, placement, {pixels_of(batch, index)});
  if (size != std::array{sample.original_width, sample.original_height}) {
    throw DataError("the picture has another size than in the manifest", path, "build the dataset again");
  }
}

void BatchLoader::State::load(PendingStep& pending, LoadedBatch& batch, size_t index) {
  std::string bad_reason;
  std::exception_ptr error;
  if (!stopping) {
    try {
      fill_sample(pending.loaded.step, batch, index);
    } catch (const DataError& fault) {
      bad_reason = fault.summary();
      std::ranges::fill(pixels_of(batch, index), uint8_t{0});
    } catch (...) {
      error = std::current_exception();
    }
  }
  {
    const std::lock_guard lock(mutex);
    if (!bad_reason.empty()) pending.bad.push_back({&batch.samples[index], std::move(bad_reason)});
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
    if (!bad_rows.insert(sample->row).second) continue;
    log_warning("picture left out: ", sample->id, ": ", reason, " (", dataset.manifest().path(sample->row), ")");
    if (std::ssize(bad_rows) > options.max_bad_samples) {
      throw DataError(text("more than ", options.max_bad_samples, " pictures cannot be decoded; the last: ", reason),
                      std::string(dataset.manifest().path(sample->row)),
                      "repair or remove them and build the dataset again, or raise dataset.loader.max_bad_samples");
    }
  }
}

BatchLoader::BatchLoader(const Dataset& dataset, const BatchingOptions& batching, int64_t rank, int64_t world_size,
                         int64_t first_step)
    : state_(std::make_unique<State>(dataset, batching, rank, world_size, first_step)) {
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
  state.read_ahead();
  return std::move(pending->loaded);
}

double BatchLoader::wait_seconds() const { return state_->waited_seconds; }
int64_t BatchLoader::bad_samples() const { return std::ssize(state_->bad_rows); }

}  // namespace atelier
