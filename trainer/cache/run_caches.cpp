#include "trainer/cache/run_caches.h"

#include <string_view>

#include "configs/base/log.h"
#include "configs/base/text.h"

namespace atelier {
namespace {

void log_filled(std::string_view unit, const FillReport& report, const RecordStore& store) {
  const std::string missing =
      report.present < report.wanted ? text(", ", grouped(report.wanted - report.present), " could not be made") : "";
  log_info("cache: ", grouped(report.present), " of ", grouped(report.wanted), ' ', unit, missing, " (",
           store.folder().string(), ")");
}

}  // namespace

RunCaches::RunCaches(const RunOptions& run, const Dataset& dataset, const StableDiffusionXL& model,
                     at::Device device) {
  const CacheOptions& options = run.dataset.cache;
  if (options.latents()) {
    latents_ = std::make_unique<LatentCache>(cache_dir(run), dataset, *model.autoencoder, device);
  }
  if (options.text_encoder_outputs()) {
    texts_ = std::make_unique<TextCache>(cache_dir(run), dataset, model, device, run.train.prompts);
  }
}

void RunCaches::fill() {
  if (latents_) log_filled("pictures", latents_->fill(), latents_->store());
  if (texts_) log_filled("captions", texts_->fill(), texts_->store());
}

}  // namespace atelier
