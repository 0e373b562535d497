// Years, ratings with their scores, and which scores the quality words really stand for.
#include <algorithm>
#include <limits>
#include <mutex>
#include <nlohmann/json.hpp>

#include "configs/base/thread_pool.h"
#include "data/loader/sample_caption.h"
#include "data/report/json_parts.h"
#include "data/report/sections.h"

namespace atelier {
namespace {

using Json = nlohmann::ordered_json;

/// Of one column, by rating.
std::array<Quantiles, kRatingCount> quantiles_by_rating(const Manifest& manifest,
                                                        OptionalColumn<int32_t> ManifestBatch::*column) {
  std::array<std::vector<int32_t>, kRatingCount> values;
  for (int64_t b = 0; b < manifest.batch_count(); ++b) {
    const ManifestBatch batch = manifest.batch(b);
    const OptionalColumn<int32_t>& numbers = batch.*column;
    for (int64_t i = 0; i < batch.rows; ++i) {
      const auto at = static_cast<size_t>(i);
      if (numbers.has(i)) values[static_cast<size_t>(batch.rating[at])].push_back(numbers.values[at]);
    }
  }
  std::array<Quantiles, kRatingCount> found;
  for (size_t r = 0; r < kRatingCount; ++r) found[r] = quantiles_of(std::move(values[r]));
  return found;
}

Json ratings_json(const ReportInput& input, const PostCounts& counts) {
  std::array<std::array<Quantiles, kRatingCount>, 2> found;
  constexpr std::array kColumns = {&ManifestBatch::score, &ManifestBatch::fav_count};
  parallel_for(std::ssize(kColumns), 0, [&](int64_t i) {
    found[static_cast<size_t>(i)] = quantiles_by_rating(input.manifest, kColumns[static_cast<size_t>(i)]);
  });
  Json ratings = Json::array();
  for (size_t r = 0; r < kRatingCount; ++r) {
    Json json = with_tally(Json{{"rating", kRatingNames[r]}}, counts.ratings[r]);
    json["score"] = quantiles_json<Json>(found[0][r]);
    json["fav_count"] = quantiles_json<Json>(found[1][r]);
    ratings.push_back(std::move(json));
  }
  return ratings;
}

Json years_json(const PostCounts& counts) {
  Json years = Json::array();
  for (const auto& [year, counted] : counts.years) years.push_back(with_tally(Json{{"year", year}}, counted.tally));
  if (const Tally& unknown = counts.without_date.tally; unknown.posts) {
    years.push_back(with_tally(Json{{"year", nullptr}}, unknown));
  }
  return years;
}

/// The posts that a quality word stands on.
struct WordCount {
  struct InRating {
    int64_t posts = 0;
    int32_t lowest = std::numeric_limits<int32_t>::max(), highest = std::numeric_limits<int32_t>::min();
  };

  Tally tally;
  std::array<InRating, kRatingCount> ratings{};

  void add(const WordCount& other) {
    tally.add(other.tally);
    for (size_t r = 0; r < ratings.size(); ++r) {
      ratings[r].posts += other.ratings[r].posts;
      ratings[r].lowest = std::min(ratings[r].lowest, other.ratings[r].lowest);
      ratings[r].highest = std::max(ratings[r].highest, other.ratings[r].highest);
    }
  }
};

using WordCounts = std::map<std::string, WordCount, std::less<>>;

void count_word(const ReportInput& input, const SampleCaptions& captions, int64_t row, WordCounts& counts) {
  const std::string_view word = captions.quality(row);
  auto found = counts.find(word);
  if (found == counts.end()) found = counts.emplace(word, WordCount()).first;
  WordCount& count = found->second;
  ++count.tally.posts;
  count.tally.usable += input.selection.exclusions[static_cast<size_t>(row)] == Exclusion::kNone;
  const std::optional<QualityOptions>& options = captions.policy(row).options.quality;
  if (!options) return;
  const std::optional<int32_t> value =
      options->basis == "score" ? input.manifest.score(row) : input.manifest.fav_count(row);
  if (!value) return;
  WordCount::InRating& in_rating = count.ratings[static_cast<size_t>(input.manifest.rating(row))];
  ++in_rating.posts;
  in_rating.lowest = std::min(in_rating.lowest, *value);
  in_rating.highest = std::max(in_rating.highest, *value);
}

WordCounts count_words(const ReportInput& input) {
  const SampleCaptions captions(input.manifest, input.options, input.seed, /*total_steps=*/1);
  WordCounts counts;
  std::mutex mutex;
  parallel_for(input.manifest.batch_count(), 0, [&](int64_t index) {
    const ManifestBatch batch = input.manifest.batch(index);
    WordCounts own;
    for (int64_t i = 0; i < batch.rows; ++i) count_word(input, captions, batch.first_row + i, own);
    const std::lock_guard lock(mutex);
    for (const auto& [word, count] : own) counts[word].add(count);
  });
  return counts;
}

Json word_json(Json json, const WordCount& count) {
  json = with_tally(std::move(json), count.tally);
  json["ratings"] = Json::array();
  for (size_t r = 0; r < kRatingCount; ++r) {
    const WordCount::InRating& in_rating = count.ratings[r];
    if (in_rating.posts == 0) continue;
    json["ratings"].push_back({{"rating", kRatingNames[r]},
                               {"posts", in_rating.posts},
                               {"lowest", in_rating.lowest},
                               {"highest", in_rating.highest}});
  }
  return json;
}

/// Words of the dataset's own options in their order, then those that only sources have, then none.
Json quality_json(const ReportInput& input, const QualityOptions& options) {
  WordCounts counts = count_words(input);
  Json words = Json::array();
  for (size_t i = 0; i < options.words.size(); ++i) {
    Json json = {{"word", options.words[i]},
                 {"above", i > 0 ? options.cuts[i - 1] : 0},
                 {"upto", i < options.cuts.size() ? options.cuts[i] : 100}};
    words.push_back(word_json(std::move(json), counts[options.words[i]]));
    counts.erase(options.words[i]);
  }
  const WordCount none = counts[""];
  counts.erase("");
  for (const auto& [word, count] : counts) {
    words.push_back(word_json(Json{{"word", word}, {"above", nullptr}, {"upto", nullptr}}, count));
  }
  words.push_back(word_json(Json{{"word", nullptr}, {"above", nullptr}, {"upto", nullptr}}, none));
  return {
      {"basis", options.basis}, {"within", options.within}, {"window", options.window}, {"words", std::move(words)}};
}

/// The dataset's, or of the first source that has its own.
const QualityOptions* quality_options(const DatasetOptions& options) {
  if (options.captions.quality) return &*options.captions.quality;
  for (const SourceOptions& source : options.sources) {
    if (source.captions && source.captions->quality) return &*source.captions->quality;
  }
  return nullptr;
}

}  // namespace

std::string time_section(const ReportInput& input, const PostCounts& counts) {
  Json json = {{"years", years_json(counts)}, {"ratings", ratings_json(input, counts)}};
  if (const QualityOptions* quality = quality_options(input.options)) json["quality"] = quality_json(input, *quality);
  return json_text(json);
}

}  // namespace atelier
