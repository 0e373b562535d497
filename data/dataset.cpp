#include "data/dataset.h"

#include <algorithm>

#include "configs/base/error.h"
#include "configs/base/log.h"
#include "configs/base/text.h"
#include "data/bucket/bucket.h"
#include "data/caption/caption_policy.h"
#include "data/dataset_hash.h"
#include "data/dedup/fingerprints.h"
#include "data/dedup/leave_out_duplicates.h"
#include "data/image/decode.h"
#include "data/manifest/build.h"

namespace atelier {
namespace {

/// What was found and why nothing of it can be used, in one sentence.
[[noreturn]] void throw_nothing_usable(const Manifest& manifest, const Selection& selection) {
  const SourceSummary total = manifest.summary().total();
  std::string found = text("no usable picture: ", grouped(total.read), " posts and pictures found");
  for (const auto& [reason, rows] : selection.excluded())
    found += text(", ", exclusion_name(reason), " ", grouped(rows));
  for (const auto& [reason, samples] : total.quarantined) found += text(", ", reason, " ", grouped(samples));
  if (total.excluded_minors) found += text(", excluded_minors ", grouped(total.excluded_minors));
  std::string where;
  for (const SourceSummary& source : manifest.summary().sources) where += (where.empty() ? "" : ", ") + source.path;
  throw DataError(found, where, "check dataset.sources and dataset.select; `atelier dataset stats` shows the counts");
}

/// Mistakes that would come to light only after hours of other work.
void check_options(const DatasetOptions& options, int64_t side_divisor) {
  if (options.sources.empty()) {
    throw ConfigError("no sources", "dataset.sources", "name a folder of pictures or a posts file");
  }
  check_bucket_divisor(options.buckets, side_divisor);
  parse_colour(options.loader.alpha_background, "dataset.loader.alpha_background");
  CaptionPolicy(options.captions, "dataset.captions");
  for (size_t i = 0; i < options.sources.size(); ++i) {
    const SourceOptions& source = options.sources[i];
    const std::string where = text("dataset.sources[", i, "]");
    if (source.captions) CaptionPolicy(*source.captions, where + ".captions");
    if (source.mask_dir && !std::filesystem::is_directory(*source.mask_dir)) {
      throw ConfigError("no such folder: " + *source.mask_dir, where + ".mask_dir");
    }
  }
}

void log_selection(const Manifest& manifest, const Selection& selection) {
  std::string line =
      text(grouped(static_cast<int64_t>(selection.rows.size())), " of ", grouped(manifest.size()), " posts are used");
  for (const auto& [reason, rows] : selection.excluded())
    line += text(", ", exclusion_name(reason), " ", grouped(rows));
  log_info(line);
}

}  // namespace

struct Dataset::State {
  DatasetOptions options;
  uint64_t seed;
  Manifest manifest;
  Selection selection;
  Plan plan;
  std::string hash;
};

Dataset::Dataset(const DatasetOptions& options, const BatchingOptions& batching, const PlanSetting& setting,
                 const std::filesystem::path& manifest_dir) {
  check_options(options, setting.side_divisor);
  Manifest manifest = refresh_manifest(options.sources, manifest_dir, build_options(options));
  Selection selection = select_rows(manifest, options.select, setting.pictures_needed);
  leave_out_duplicates(manifest, options.select.dedup, fingerprints_file(manifest_dir), selection);
  if (selection.rows.empty()) throw_nothing_usable(manifest, selection);
  log_selection(manifest, selection);
  Plan plan(plan_input(manifest, selection, options), options.balance, options.buckets, batching, setting.world_size,
            setting.seed, setting.first_epoch);
  std::string hash = dataset_hash(manifest, selection, options);
  state_ = std::make_unique<State>(
      State{options, setting.seed, std::move(manifest), std::move(selection), std::move(plan), std::move(hash)});
}

Dataset::~Dataset() = default;
Dataset::Dataset(Dataset&&) noexcept = default;

const Manifest& Dataset::manifest() const { return state_->manifest; }
const Selection& Dataset::selection() const { return state_->selection; }
const Plan& Dataset::plan() const { return state_->plan; }
const DatasetOptions& Dataset::options() const { return state_->options; }
uint64_t Dataset::seed() const { return state_->seed; }

double Dataset::loss_weight(int64_t row) const {
  const Strata& strata = state_->plan.strata();
  if (!strata.has_loss_weights()) return 1;
  const std::vector<uint32_t>& rows = strata.input().rows;
  return strata.loss_weight(std::lower_bound(rows.begin(), rows.end(), row) - rows.begin());
}

const std::string& Dataset::hash() const { return state_->hash; }

}  // namespace atelier
