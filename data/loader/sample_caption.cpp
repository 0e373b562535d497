#include "data/loader/sample_caption.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <vector>

#include "configs/base/text.h"
#include "data/caption/quality_ranks.h"

namespace atelier {
namespace {

/// The sets of tags that each tag of the dictionary is in, found when it is first asked for.
class TagSetCache {
 public:
  TagSetCache(const CaptionPolicy& policy, const TagDictionary& dictionary) : policy_(policy), dictionary_(dictionary) {
    if (!policy.tag_sets.empty()) found_ = std::vector<std::atomic<uint64_t>>(static_cast<size_t>(dictionary.size()));
  }

  uint32_t operator()(int32_t id, TagCategory category) const {
    if (found_.empty()) return 0;
    std::atomic<uint64_t>& entry = found_[static_cast<size_t>(id)];
    if (const uint64_t known = entry.load(std::memory_order_relaxed)) return static_cast<uint32_t>(known);
    const uint32_t bits = policy_.tag_sets_of(dictionary_.name(id), kTagCategoryNames[static_cast<size_t>(category)],
                                              dictionary_.count(id));
    entry.store(kKnown | bits, std::memory_order_relaxed);
    return bits;
  }

 private:
  static constexpr uint64_t kKnown = uint64_t{1} << 32;

  const CaptionPolicy& policy_;
  const TagDictionary& dictionary_;
  mutable std::vector<std::atomic<uint64_t>> found_;
};

/// A policy with what it needs to know of the manifest.
struct SourcePolicy {
  SourcePolicy(const CaptionOptions& options, const std::string& place, const Manifest& manifest)
      : where(place), policy(options, place), tag_sets(policy, manifest.dictionary()) {}

  std::string where;
  CaptionPolicy policy;
  TagSetCache tag_sets;
  mutable std::once_flag ranked;
  mutable std::vector<uint8_t> quality;  // word by row
};

QualityColumns quality_columns(const Manifest& manifest, const QualityOptions& options) {
  QualityColumns columns;
  const auto rows = static_cast<size_t>(manifest.size());
  columns.value.resize(rows);
  columns.rating.resize(rows);
  if (needs_times(options)) columns.created_at.resize(rows);
  const bool by_score = options.basis == "score";
  for (size_t i = 0; i < rows; ++i) {
    const auto row = static_cast<int64_t>(i);
    const std::optional<int32_t> value = by_score ? manifest.score(row) : manifest.fav_count(row);
    columns.value[i] = value.value_or(QualityColumns::kNoValue);
    columns.rating[i] = static_cast<uint8_t>(manifest.rating(row));
    if (needs_times(options)) columns.created_at[i] = manifest.created_at(row).value_or(QualityColumns::kNoTime);
  }
  return columns;
}

std::string_view quality_word(const SourcePolicy& source, const Manifest& manifest, int64_t row) {
  const std::optional<QualityOptions>& options = source.policy.options.quality;
  if (!options) return {};
  std::call_once(source.ranked, [&] {
    source.quality = quality_ranks(quality_columns(manifest, *options), *options, source.where + ".quality");
  });
  const uint8_t word = source.quality[static_cast<size_t>(row)];
  return word == kNoQualityWord ? std::string_view() : options->words[word];
}

}  // namespace

struct SampleCaptions::State {
  const Manifest& manifest;
  uint64_t seed;
  int64_t total_steps;
  std::vector<std::string> class_tokens;                // by source
  std::vector<bool> has_caption_files;                  // by source
  std::vector<std::shared_ptr<SourcePolicy>> policies;  // by source
};

SampleCaptions::SampleCaptions(const Manifest& manifest, const DatasetOptions& options, uint64_t seed,
                               int64_t total_steps)
    : state_(std::make_unique<State>(State{manifest, seed, total_steps, {}, {}, {}})) {
  const auto common = std::make_shared<SourcePolicy>(options.captions, "dataset.captions", manifest);
  for (size_t i = 0; i < manifest.summary().sources.size(); ++i) {
    const std::string& kind = manifest.summary().sources[i].kind;
    const SourceOptions source = i < options.sources.size() ? options.sources[i] : SourceOptions();
    const std::string where = text("dataset.sources[", i, "].captions");
    state_->has_caption_files.push_back(kind == "folder" || kind == "tar");
    state_->class_tokens.push_back(source.class_tokens);
    state_->policies.push_back(source.captions ? std::make_shared<SourcePolicy>(*source.captions, where, manifest)
                                               : common);
  }
}

SampleCaptions::~SampleCaptions() = default;

const CaptionPolicy& SampleCaptions::policy(int64_t row) const {
  return state_->policies[static_cast<size_t>(state_->manifest.source(row))]->policy;
}

std::string_view SampleCaptions::quality(int64_t row) const {
  return quality_word(*state_->policies[static_cast<size_t>(state_->manifest.source(row))], state_->manifest, row);
}

Caption SampleCaptions::caption(int64_t row, int64_t epoch, int64_t repeat, int64_t step) const {
  const Manifest& manifest = state_->manifest;
  const auto source_index = static_cast<size_t>(manifest.source(row));
  const SourcePolicy& policy = *state_->policies[source_index];
  CaptionSource source;
  source.caption_is_tags = state_->has_caption_files[source_index];
  source.class_tokens = state_->class_tokens[source_index];
  if (const std::string_view own = manifest.caption(row); !own.empty()) source.captions.push_back(own);
  for (int64_t i = 0; i < manifest.further_captions(row); ++i) {
    source.captions.push_back(manifest.further_caption(row, i));
  }
  if (source.captions.empty() || !policy.policy.words_from.empty()) {
    const TagDictionary& dictionary = manifest.dictionary();
    for (int i = 0; i < kTagCategoryCount; ++i) {
      const auto category = static_cast<TagCategory>(i);
      for (const int32_t id : manifest.tags(row, category)) {
        source.tags.push_back({dictionary.name(id), category, dictionary.count(id), policy.tag_sets(id, category)});
      }
    }
  }
  if (const Rating rating = manifest.rating(row); rating != Rating::kUnknown) {
    source.rating = kRatingNames[static_cast<size_t>(rating)];
  }
  source.year = manifest.year(row);
  source.quality = quality_word(policy, manifest, row);
  return make_caption(source, policy.policy,
                      {state_->seed, manifest.id(row), epoch, repeat, step, state_->total_steps});
}

}  // namespace atelier
