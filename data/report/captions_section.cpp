// What training reads beside the pictures: lengths, drop levels and examples of captions, drawn from the plan.
#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <unordered_set>

#include "configs/base/interrupt.h"
#include "configs/base/thread_pool.h"
#include "data/caption/clip_tokenizer.h"
#include "data/caption/prompt_chunks.h"
#include "data/loader/sample_caption.h"
#include "data/report/json_parts.h"
#include "data/report/sections.h"
#include "data/report/text_table.h"

namespace atelier {
namespace {

using Json = nlohmann::ordered_json;

constexpr int64_t kSamples = 10'000;
constexpr size_t kExamples = 20;
constexpr std::array<int64_t, 3> kLengths = {75, 150, 225};  // one, two, three chunks

struct CaptionSample {
  int64_t row = 0, epoch = 0;
  Caption caption;
  int64_t tokens = 0;  // begin and end not counted
  bool cut = false;
  int64_t post_tags = 0;
};

int64_t tags_of(const Manifest& manifest, int64_t row) {
  int64_t tags = 0;
  for (int c = 0; c < kTagCategoryCount; ++c) tags += std::ssize(manifest.tags(row, static_cast<TagCategory>(c)));
  return tags;
}

/// Those of batches spread evenly over the run that hold about kSamples, or all. Within a batch the plan has drawn.
std::vector<CaptionSample> draw_samples(const ReportInput& input) {
  const Plan& plan = *input.plan;
  const SampleCaptions captions(input.manifest, input.options, input.seed, plan.total_steps());
  const ClipTokenizer tokenizer;
  const int64_t size = plan.sequence().size();
  const int64_t batches = std::clamp<int64_t>(kSamples / plan.batch_size(), 1, size);
  std::vector<std::vector<CaptionSample>> by_batch(static_cast<size_t>(batches));
  parallel_for(batches, 0, [&](int64_t i) {
    check_interrupted();
    const GlobalBatch batch = plan.batch(i * size / batches);
    for (const PlannedSample& planned : batch.samples) {
      CaptionSample sample{planned.row, planned.epoch, {}, 0, false, tags_of(input.manifest, planned.row)};
      sample.caption = captions.caption(planned.row, planned.epoch, planned.repeat, batch.step - 1);
      const ChunkedPrompt prompt = chunk_prompt(sample.caption.text, tokenizer, input.prompts);
      sample.tokens = prompt.tokens, sample.cut = prompt.cut > 0;
      by_batch[static_cast<size_t>(i)].push_back(std::move(sample));
    }
  });
  std::vector<CaptionSample> samples;
  for (auto& batch : by_batch) std::ranges::move(batch, std::back_inserter(samples));
  return samples;
}

/// Both encoders have one tokenizer and vocabulary: what they differ in is padding, which is not counted.
Json encoder_json(std::string_view name, const std::vector<CaptionSample>& samples) {
  static const std::vector<double> edges = {0, 25, 50, 75, 100, 125, 150, 175, 200, 225, 250, 275, 300};
  std::vector<int32_t> tokens;
  std::vector<int64_t> bins(edges.size());
  double sum = 0;
  for (const CaptionSample& sample : samples) {
    tokens.push_back(static_cast<int32_t>(sample.tokens));
    ++bins[bin_of(edges, static_cast<double>(sample.tokens))];
    sum += static_cast<double>(sample.tokens);
  }
  const auto all = static_cast<double>(samples.size());
  Json longer = Json::array();
  for (const int64_t length : kLengths) {
    const auto count = std::ranges::count_if(samples, [&](const CaptionSample& each) { return each.tokens > length; });
    longer.push_back({{"than", length}, {"captions", count}, {"share", share_of(static_cast<double>(count), all)}});
  }
  return {{"name", name},
          {"tokens", quantiles_json<Json>(quantiles_of(std::move(tokens)))},
          {"mean", share_of(sum, all)},
          {"histogram", histogram_json<Json>(edges, [&](Json& bin, size_t i) { bin["captions"] = bins[i]; })},
          {"longer", std::move(longer)}};
}

Json levels_json(const std::vector<CaptionSample>& samples) {
  struct Level {
    double captions = 0, tokens = 0, post_tags = 0, characters = 0;
  };
  std::map<int32_t, Level> levels;  // -1, none, is first
  for (const CaptionSample& sample : samples) {
    Level& level = levels[sample.caption.level];
    ++level.captions;
    level.tokens += static_cast<double>(sample.tokens);
    level.post_tags += static_cast<double>(sample.post_tags);
    level.characters += static_cast<double>(text_width(sample.caption.text));
  }
  Json json = Json::array();
  for (const auto& [number, level] : levels) {
    json.push_back({{"level", number < 0 ? Json() : Json(number)},
                    {"captions", static_cast<int64_t>(level.captions)},
                    {"share", level.captions / static_cast<double>(samples.size())},
                    {"mean_tokens", level.tokens / level.captions},
                    {"mean_post_tags", level.post_tags / level.captions},
                    {"mean_characters", level.characters / level.captions}});
  }
  return json;
}

Json example_json(const Manifest& manifest, const CaptionSample& sample) {
  Json tags;
  for (int c = 0; c < kTagCategoryCount; ++c) {
    Json names = Json::array();
    for (const int32_t tag : manifest.tags(sample.row, static_cast<TagCategory>(c))) {
      names.push_back(manifest.dictionary().name(tag));
    }
    tags[std::string(kTagCategoryNames[static_cast<size_t>(c)])] = std::move(names);
  }
  return {{"id", manifest.id(sample.row)},
          {"source", manifest.source(sample.row)},
          {"epoch", sample.epoch},
          {"level", sample.caption.level < 0 ? Json() : Json(sample.caption.level)},
          {"tokens", sample.tokens},
          {"caption", sample.caption.text},
          {"rating", kRatingNames[static_cast<size_t>(manifest.rating(sample.row))]},
          {"tags", std::move(tags)}};
}

/// Different posts, spread evenly over the samples.
Json examples_json(const Manifest& manifest, const std::vector<CaptionSample>& samples) {
  Json examples = Json::array();
  std::unordered_set<int64_t> shown;
  for (size_t i = 0; i < kExamples; ++i) {
    size_t at = i * samples.size() / kExamples;
    while (at < samples.size() && shown.contains(samples[at].row)) ++at;
    if (at == samples.size()) continue;
    shown.insert(samples[at].row);
    examples.push_back(example_json(manifest, samples[at]));
  }
  return examples;
}

}  // namespace

std::string captions_section(const ReportInput& input) {
  const std::vector<CaptionSample> samples = draw_samples(input);
  Json encoders = Json::array();
  for (const char* name : {"text_encoder", "text_encoder_2"}) encoders.push_back(encoder_json(name, samples));
  const Json json = {
      {"samples", samples.size()},
      {"empty", std::ranges::count_if(samples, [](const CaptionSample& each) { return each.caption.text.empty(); })},
      {"max_token_length", input.prompts.max_token_length},
      {"truncated", std::ranges::count_if(samples, &CaptionSample::cut)},
      {"encoders", std::move(encoders)},
      {"levels", levels_json(samples)},
      {"examples", examples_json(input.manifest, samples)}};
  return json_text(json);
}

}  // namespace atelier
