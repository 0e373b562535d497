#include "trainer/trainer.h"

#include <ATen/ATen.h>

#include <chrono>
#include <cmath>
#include <cstdio>

#include "configs/base/atomic_file.h"
#include "configs/base/error.h"
#include "configs/base/hash.h"
#include "configs/base/interrupt.h"
#include "configs/base/log.h"
#include "configs/base/progress.h"
#include "data/dataset.h"
#include "trainer/cache/run_caches.h"
#include "trainer/checkpoint/checkpoint.h"
#include "trainer/denoising_objective.h"
#include "trainer/distributed/gradient_reducer.h"
#include "trainer/lr_scheduler.h"
#include "trainer/metrics/metric_log.h"
#include "trainer/model_card.h"
#include "trainer/output_folder.h"
#include "trainer/preview.h"
#include "trainer/run_setup.h"

namespace atelier {
namespace fs = std::filesystem;
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

std::string step_name(int64_t step) {
  char name[32];
  std::snprintf(name, sizeof name, "step-%08lld", static_cast<long long>(step));
  return name;
}

/// What a resumed run must have in common with the one that wrote the checkpoint.
RunFingerprint make_fingerprint(const RunOptions& run, const Dataset& dataset, const RankInfo& ranks) {
  const TrainOptions& train = run.train;
  const BatchingOptions& batching = train.batching;
  RunFingerprint fingerprint = {
      {"dataset", dataset.hash()},
      {"seed", std::to_string(run.seed)},
      {"model", run.model.config.value_or(run.model.pretrained_model_name_or_path.value_or(""))},
      {"model.vae", run.model.vae.value_or("the model's")},
      {"network", run.network ? network_summary(*run.network) : "none"},
      {"train.mixed_precision", train.mixed_precision},
      {"train.optimizer",
       text(train.optimizer_type, " betas ", shortest(train.adam_beta1), " ", shortest(train.adam_beta2), " epsilon ",
            shortest(train.adam_epsilon), " decay ", shortest(train.weight_decay))},
      {"train.max_grad_norm", shortest(train.max_grad_norm)},
      {"train.lr_scheduler", text(train.lr_scheduler, " warm-up ", train.lr_warmup_steps)},
      {"train.learning_rate", shortest(train.learning_rate)},
      {"train captions",
       text(train.prompts.max_token_length, " tokens ", train.prompts.token_chunking, ' ', train.prompts.token_join,
            train.prompts.weighted_captions ? " weighted " + train.prompts.emphasis : "", " clip skip ",
            train.prompts.clip_skip)},
      {"train.unet_lr", shortest(train.unet_lr.value_or(train.learning_rate))},
      {"train.learning_rate_te1", shortest(train.learning_rate_te1.value_or(train.learning_rate))},
      {"train.learning_rate_te2", shortest(train.learning_rate_te2.value_or(train.learning_rate))},
  };
  if (run.train.masked_loss) fingerprint["train.masked_loss"] = "true";
  // In fp32 a cache changes nothing; else it rounds.
  if (run.dataset.cache.cache_dtype != "fp32") {
    if (run.dataset.cache.latents()) fingerprint["dataset.cache_latents"] = run.dataset.cache.cache_dtype;
    if (run.dataset.cache.text_encoder_outputs()) {
      fingerprint["dataset.cache_text_encoder_outputs"] = run.dataset.cache.cache_dtype;
    }
  }
  if (batching.global_batch_size) {
    fingerprint["train.global_batch_size"] = std::to_string(*batching.global_batch_size);
  } else {
    fingerprint["train.train_batch_size x processes"] = std::to_string(batching.train_batch_size * ranks.world_size);
    fingerprint["train.gradient_accumulation_steps"] = std::to_string(batching.gradient_accumulation_steps);
  }
  return fingerprint;
}

std::optional<fs::path> choose_checkpoint(const RunOptions& run, const std::string& resume) {
  if (resume == "none") return std::nullopt;
  if (resume == "auto") return latest_checkpoint(run.output_dir);
  if (!fs::is_directory(resume))
    throw CheckpointError("no such checkpoint", resume, "name a folder under OUTPUT_DIR/checkpoints");
  return fs::path(resume);
}

void check_output_folder(const RunOptions& run, const TrainerSettings& settings) {
  if (settings.resume != "none" || settings.dry_run || !holds_run(run.output_dir)) return;
  throw ConfigError("the output folder holds a run already", run.output_dir,
                    "go on with it by --resume auto, or choose another output_dir");
}

}  // namespace

/// Everything a run is made of, in the order it is made.
struct Trainer::Parts {
  RunOptions run;
  TrainerSettings settings;
  RankInfo ranks;
  std::unique_ptr<OutputFolderLock> lock;  // rank 0
  std::optional<fs::path> checkpoint;      // that it goes on from: looked for before anything large is read
  at::Device device;
  at::ScalarType compute_type;
  std::unique_ptr<Communicator> communicator;  // nullptr: a single process
  Dataset dataset;
  TrainingModel model;
  int64_t total_steps;
  int64_t first_step = 1;
  std::unique_ptr<FlatStore> store;
  std::unique_ptr<Optimizer> optimizer;
  std::unique_ptr<GradientReducer> reducer;
  std::unique_ptr<RunCaches> caches;
  std::unique_ptr<Objective> objective;
  std::unique_ptr<Preview> preview;               // rank 0, where previews are wanted
  std::unique_ptr<CheckpointWriter> checkpoints;  // rank 0
  std::unique_ptr<MetricLog> metrics;             // rank 0

  Parts(const RunOptions& options, const TrainerSettings& trainer_settings, const RankInfo& rank_info)
      : run(options),
        settings(trainer_settings),
        ranks(rank_info),
        lock(ranks.is_main() && !settings.dry_run ? std::make_unique<OutputFolderLock>(run.output_dir) : nullptr),
        checkpoint(choose_checkpoint(run, settings.resume)),
        device(run_device(run.train, ranks)),
        compute_type(choose_compute_type(run.train, device)),
        communicator(ranks.world_size > 1 ? std::make_unique<Communicator>(ranks, device) : nullptr),
        dataset(open_dataset(run, ranks)),
        model(run),
        total_steps(dataset.plan().total_steps()) {
    build();
    resume();
    if (communicator) check_same_start();
    if (ranks.is_main() && !settings.dry_run) open_outputs();
  }

  void build() {
    if (run.train.deterministic) at::globalContext().setDeterministicAlgorithms(true, /*warn_only=*/false);
    const auto range_bytes = static_cast<int64_t>(run.train.bucket_cap_mb * 1024 * 1024);
    store = std::make_unique<FlatStore>(model.parameter_groups(), device, compute_type, range_bytes);
    model.place_frozen(device, compute_type);
    optimizer = make_optimizer(run.train, *store);
    if (communicator) reducer = std::make_unique<GradientReducer>(*store, *communicator);
    caches = std::make_unique<RunCaches>(run, dataset, model.pipeline(), device);
    const DenoisingSetting setting{static_cast<uint64_t>(run.seed), run.train.prompts, run.train.masked_loss,
                                   caches.get()};
    objective = std::make_unique<DenoisingObjective>(model.pipeline(), device, compute_type, setting);
    if (ranks.is_main() && run.sample.every_n_steps > 0) {
      preview = std::make_unique<Preview>(run.sample, run.train.prompts, model.pipeline(), device);
    }
    log_info("trains ", grouped(store->parameter_count()), " parameters on ", device.str(), ", ", ranks.world_size,
             ranks.world_size == 1 ? " process (" : " processes (", ranks.launcher, ")");
  }

  void resume() {
    if (!checkpoint) return;
    const CheckpointState state = read_checkpoint_state(*checkpoint);
    check_fingerprint(*checkpoint, state.fingerprint, make_fingerprint(run, dataset, ranks));
    load_checkpoint(*checkpoint, *store, *optimizer, model.component_files());
    first_step = state.step + 1;
    log_info("resumes after step ", grouped(state.step), " from ", checkpoint->string());
  }

  /// Ranks on hosts that do not share their disks could begin at different steps, or with different data.
  void check_same_start() {
    const auto own = static_cast<int64_t>(hash64(text(first_step, ' ', total_steps, ' ', dataset.hash())) >> 1);
    at::Tensor starts = at::zeros({ranks.world_size}, at::kLong);
    starts[ranks.rank] = own;
    communicator->all_reduce(starts);
    for (int64_t rank = 0; rank < ranks.world_size; ++rank) {
      if (starts[rank].item<int64_t>() == starts[0].item<int64_t>()) continue;
      throw ConfigError(text("rank ", rank, " sees another checkpoint or other data than rank 0"),
                        text("rank ", ranks.rank, " would begin with step ", first_step, " of ", total_steps,
                             ", dataset ", dataset.hash()),
                        "give all hosts the same files: output_dir and the sources on a shared disk");
    }
  }

  void open_outputs() {
    const fs::path folder(run.output_dir);
    set_aside_later_checkpoints(folder, first_step - 1);
    write_file_atomically(folder / "config.yaml", resolved_yaml(run));
    checkpoints = std::make_unique<CheckpointWriter>(folder / "checkpoints", run.save.keep_last);
    metrics = std::make_unique<MetricLog>(folder / "metrics.jsonl", first_step - 1);
  }

  BatchLoader::IsCached is_cached() const {
    const LatentCache* latents = caches->latents();
    if (!latents) return {};
    return [latents](const LoadedSample& sample, int32_t width, int32_t height) {
      return latents->holds(sample, width, height);
    };
  }

  std::vector<double> learning_rates(int64_t step) const {
    const double factor = lr_factor(run.train.lr_scheduler, step, run.train.lr_warmup_steps, total_steps);
    std::vector<double> rates;
    for (const ParameterGroup& group : store->groups()) rates.push_back(group.learning_rate * factor);
    return rates;
  }

  StepMetrics train_step(const LoadedStep& loaded, bool& stop);
  StepSamples forward_backward(const LoadedStep& loaded);
  double scale_gradient(double samples);
  void check_finite(const StepSamples& samples, double grad_norm, const LoadedStep& loaded) const;
  void after_step(const StepMetrics& step, bool stop);
  void write_checkpoint(int64_t step, int64_t epoch);
  void finish();
  void loop();
};

StepSamples Trainer::Parts::forward_backward(const LoadedStep& loaded) {
  int64_t count = 0;
  for (const LoadedBatch& batch : loaded.micro_batches) count += static_cast<int64_t>(batch.samples.size());
  StepSamples samples(count, ranks);
  store->zero_gradient();
  for (size_t i = 0; i < loaded.micro_batches.size(); ++i) {
    const bool last = i + 1 == loaded.micro_batches.size();
    if (last && reducer) reducer->arm();
    const MicroLoss loss = objective->loss(loaded.micro_batches[i]);
    loss.total.backward();
    samples.add(loaded.micro_batches[i], loss);
  }
  if (reducer) reducer->finish();
  if (interrupted()) samples.flag_interrupt();
  samples.gather(communicator.get());
  return samples;
}

/// Turns the sum of weighted gradients into the clipped gradient of the mean; returns the norm before clipping.
double Trainer::Parts::scale_gradient(double samples) {
  const at::NoGradGuard no_grad;
  const double norm = at::linalg_vector_norm(store->gradient()).item<double>() / samples;
  double scale = 1 / samples;
  if (run.train.max_grad_norm > 0) scale *= std::min(1.0, run.train.max_grad_norm / (norm + 1e-6));
  store->gradient().mul_(scale);
  return norm;
}

void Trainer::Parts::check_finite(const StepSamples& samples, double grad_norm, const LoadedStep& loaded) const {
  if (samples.all_finite() && std::isfinite(grad_norm)) return;
  // Of a loss those to blame are known; a gradient is the sum over all.
  std::vector<std::string> ids;
  int64_t index = 0;
  for (const LoadedBatch& batch : loaded.micro_batches) {
    for (const LoadedSample& sample : batch.samples) {
      if (samples.all_finite() || !samples.own_is_finite(index)) ids.push_back(sample.id);
      ++index;
    }
  }
  throw DataError(
      text("the ", samples.all_finite() ? "gradient" : "loss", " of step ", loaded.step, " is not a finite number"),
      text("rank ", ranks.rank, ", samples: ", ids.empty() ? "none, see the other ranks" : join(ids, ", ")),
      "look at these pictures; lower the learning rate if they are sound");
}

StepMetrics Trainer::Parts::train_step(const LoadedStep& loaded, bool& stop) {
  const StepSamples samples = forward_backward(loaded);
  stop = samples.interrupted();
  if (samples.counted() == 0) throw DataError("no sample of the step could be decoded", text("step ", loaded.step));
  const double grad_norm = scale_gradient(samples.counted());
  check_finite(samples, grad_norm, loaded);
  const std::vector<double> rates = learning_rates(loaded.step);
  optimizer->step(rates, loaded.step);
  store->refresh_compute();

  StepMetrics metrics_of_step;
  metrics_of_step.step = loaded.step;
  metrics_of_step.epoch = loaded.epoch;
  metrics_of_step.loss = samples.mean_loss();
  metrics_of_step.grad_norm = grad_norm;
  for (size_t i = 0; i < rates.size(); ++i)
    metrics_of_step.learning_rates.emplace_back(store->groups()[i].name, rates[i]);
  metrics_of_step.loss_by_timestep = samples.loss_by_timestep(objective->num_timesteps());
  const auto by_class = samples.loss_by_class(kPersonClassCount);
  for (size_t i = 0; i < by_class.size(); ++i) {
    metrics_of_step.loss_by_person_class.emplace_back(kPersonClassNames[i], by_class[i]);
  }
  metrics_of_step.memory_bytes = training_memory_bytes(device);
  return metrics_of_step;
}

void Trainer::Parts::write_checkpoint(int64_t step, int64_t epoch) {
  if (!checkpoints) return;
  metrics->sync();
  checkpoints->write({step, epoch, make_fingerprint(run, dataset, ranks)}, *store, *optimizer, model.component_files());
}

void Trainer::Parts::after_step(const StepMetrics& step, bool stop) {
  if (metrics) metrics->write(step);
  const bool last = step.step == total_steps;
  const auto due = [&](int64_t every) { return every > 0 && (step.step % every == 0 || last); };
  if (stop || last || due(run.save.every_n_steps)) write_checkpoint(step.step, step.epoch);
  if (preview && due(run.sample.every_n_steps))
    preview->write(fs::path(run.output_dir) / "samples" / step_name(step.step));
}

void Trainer::Parts::loop() {
  BatchLoader loader(dataset, run.train.batching, ranks.rank, ranks.world_size, first_step, is_cached());
  std::optional<Progress> progress;
  if (ranks.is_main()) {
    progress.emplace("train", total_steps, "steps");
    progress->start_at(first_step - 1);
  }
  double waited = 0;
  while (true) {
    const Clock::time_point start = Clock::now();
    const std::optional<LoadedStep> loaded = loader.next();
    if (!loaded) break;
    bool stop = false;
    StepMetrics step = train_step(*loaded, stop);
    step.step_seconds = seconds_since(start);
    step.data_wait_seconds = loader.wait_seconds() - waited;
    step.images_per_second = static_cast<double>(loaded->global_samples) / step.step_seconds;
    waited = loader.wait_seconds();
    after_step(step, stop);
    if (progress) {
      char note[96];
      std::snprintf(note, sizeof note, "loss %.4f  lr %.2e  %.1f img/s  wait %.0f%%  %s", step.loss,
                    step.learning_rates.back().second, step.images_per_second,
                    100 * step.data_wait_seconds / step.step_seconds,
                    human_bytes(static_cast<double>(step.memory_bytes)).c_str());
      progress->set_note(note);
      progress->advance();
    }
    if (stop) {
      if (checkpoints) checkpoints->wait();
      // Whoever started the ranks may end the others soon after the first: none goes before the checkpoint is written.
      if (communicator) communicator->barrier();
      if (progress) progress->finish();
      log_info("stopped after step ", step.step, "; the checkpoint is written: go on with --resume auto");
      check_interrupted();
      throw Error(ExitCode::kInterrupted, "another rank was interrupted", "", "");
    }
  }
}

void Trainer::Parts::finish() {
  if (!ranks.is_main()) return;
  checkpoints->wait();
  store->expose_master();
  const fs::path product =
      model.save_product(product_metadata(run, dataset, total_steps, model.pipeline().scheduler.prediction_type));
  write_model_card(run, dataset, total_steps, store->parameter_count());
  log_info("the product: ", product.string());
}

Trainer::Trainer(const RunOptions& run, const TrainerSettings& settings, const RankInfo& ranks) {
  check_run(run, /*for_training=*/true);
  if (ranks.is_main()) check_output_folder(run, settings);
  quiet_other_ranks(ranks);
  set_threads(run.train, ranks);
  parts_ = std::make_unique<Parts>(run, settings, ranks);
}

Trainer::~Trainer() = default;

void Trainer::run() {
  Parts& parts = *parts_;
  log_info("data: ", grouped(static_cast<int64_t>(parts.dataset.selection().rows.size())), " pictures, ",
           grouped(parts.total_steps), " steps, ", parts.dataset.plan().total_epochs(), " epochs");
  if (parts.settings.dry_run) return;
  parts.caches->fill();
  if (parts.first_step > parts.total_steps) {
    log_info("the run is complete already: ", grouped(parts.total_steps), " steps");
  } else {
    parts.loop();
  }
  parts.finish();
}

}  // namespace atelier
