#include "trainer/cache/cache_job.h"

#include <filesystem>
#include <utility>
#include <vector>

#include "configs/base/error.h"
#include "configs/base/log.h"
#include "configs/base/text.h"
#include "models/weights/stored_pipeline.h"
#include "trainer/cache/record_check.h"
#include "trainer/cache/run_caches.h"
#include "trainer/run_setup.h"

namespace atelier {
namespace {

/// The run as caching needs it: some length, and a plan that is nobody's share.
RunOptions cacheable_run(RunOptions run) {
  const CacheOptions& options = run.dataset.cache;
  if (!options.latents() && !options.text_encoder_outputs()) {
    throw ConfigError("this run caches nothing", "dataset.cache_latents, dataset.cache_text_encoder_outputs",
                      "set one of them to disk");
  }
  BatchingOptions& batching = run.train.batching;
  if (!batching.max_train_steps && !batching.max_train_epochs) batching.max_train_epochs = 1;
  check_run(run, /*for_training=*/true);
  return run;
}

StableDiffusionXL load_encoders(const RunOptions& run) {
  const std::string vae = run.model.vae.value_or("");
  if (run.model.config) {
    return StableDiffusionXL::encoders_from_config(*run.model.config, static_cast<uint64_t>(run.seed), vae);
  }
  return StableDiffusionXL::load_encoders(open_pipeline(*run.model.pretrained_model_name_or_path), vae);
}

/// A cache that is looked through: nobody holds it open meanwhile.
struct CacheFolder {
  std::filesystem::path folder;
  std::string unit;
  std::vector<WantedGroup> wanted;
};

std::vector<CacheFolder> cache_folders(const RunCaches& caches) {
  std::vector<CacheFolder> folders;
  if (const LatentCache* latents = caches.latents()) {
    folders.push_back({latents->store().folder(), "pictures", latents->wanted()});
  }
  if (const TextCache* texts = caches.texts()) {
    folders.push_back({texts->store().folder(), "captions", texts->wanted()});
  }
  for (CacheFolder& folder : folders) {
    for (WantedGroup& group : folder.wanted) sort_wanted(group);
  }
  return folders;
}

void log_report(const CacheFolder& folder, const CacheReport& report, bool checksums) {
  log_info(folder.folder.string(), ": ", grouped(report.present), " of ", grouped(report.wanted), ' ', folder.unit,
           " in ", grouped(report.records), " records, ", grouped(report.shards), " files, ",
           human_bytes(static_cast<double>(report.bytes)));
  log_info(grouped(report.unused), " records that this run does not use, ", grouped(report.twice),
           " that are there twice", checksums ? text(", ", grouped(report.damaged), " damaged") : "");
  for (const std::string& name : report.unreadable) log_warning("no file of a cache: ", name);
  for (const std::string& damage : report.damages) log_warning("damaged: ", damage);
}

void look_through(const CacheFolder& folder, bool checksums, bool prune) {
  const CacheReport report = prune ? prune_records(folder.folder, folder.wanted, checksums)
                                   : check_records(folder.folder, folder.wanted, checksums);
  log_report(folder, report, checksums);
  const auto faults = report.damaged + std::ssize(report.unreadable);
  if (prune || faults == 0) return;
  throw DataError(text(grouped(faults), " records or files of the cache are damaged"), folder.folder.string(),
                  "--verify --prune takes them out; filling the cache makes them again");
}

}  // namespace

void run_cache_task(const RunOptions& given, const RankInfo& ranks, CacheTask task) {
  if (task != CacheTask::kFill && !ranks.is_main()) return;  // one looks through it
  quiet_other_ranks(ranks);
  const RunOptions run = cacheable_run(given);
  set_threads(run.train, ranks);
  const at::Device device = run_device(run.train, ranks);
  RankInfo alone = ranks;
  alone.world_size = 1;  // the samples of a plan do not depend on it
  const Dataset dataset = open_dataset(run, alone);
  StableDiffusionXL model = load_encoders(run);
  model.place_frozen(device, choose_compute_type(run.train, device));
  auto caches = std::make_unique<RunCaches>(run, dataset, model, device);
  if (task == CacheTask::kFill) return caches->fill();
  const std::vector<CacheFolder> folders = cache_folders(*caches);
  caches.reset();
  for (const CacheFolder& folder : folders) {
    look_through(folder, task != CacheTask::kPrune, task != CacheTask::kVerify);
  }
}

}  // namespace atelier
