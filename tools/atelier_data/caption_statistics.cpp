#include "tools/atelier_data/caption_statistics.h"

#include <algorithm>
#include <iomanip>
#include <nlohmann/json.hpp>
#include <sstream>

#include "configs/base/interrupt.h"
#include "configs/base/text.h"
#include "data/caption/clip_tokenizer.h"
#include "data/caption/prompt_chunks.h"
#include "data/loader/sample_caption.h"

namespace atelier {
namespace {

std::string level_name(int32_t level) { return level < 0 ? "none" : std::to_string(level); }

}  // namespace

void CaptionStatistics::add(const Caption& caption, int64_t tokens, bool truncated) {
  ++captions_;
  empty_ += caption.text.empty();
  truncated_ += truncated;
  tokens_ += tokens;
  most_tokens_ = std::max(most_tokens_, tokens);
  ++levels_[caption.level];
  ++histogram_[tokens / kBin * kBin];
}

std::string CaptionStatistics::json() const {
  nlohmann::ordered_json levels = nlohmann::ordered_json::object(), histogram = nlohmann::ordered_json::object();
  for (const auto& [level, count] : levels_) levels[level_name(level)] = count;
  for (const auto& [first, count] : histogram_) histogram[std::to_string(first)] = count;
  return nlohmann::ordered_json{{"captions", captions_},
                                {"empty", empty_},
                                {"truncated", truncated_},
                                {"levels", levels},
                                {"tokens", {{"mean", mean_tokens()}, {"max", most_tokens_}, {"histogram", histogram}}}}
      .dump();
}

std::string CaptionStatistics::table() const {
  constexpr double kBarWidth = 40;
  std::ostringstream out;
  const auto line = [&](const std::string& name, int64_t count) {
    const double share = captions_ ? static_cast<double>(count) / static_cast<double>(captions_) : 0;
    out << "  " << std::left << std::setw(12) << name << std::right << std::setw(12) << grouped(count) << std::setw(8)
        << std::fixed << std::setprecision(2) << 100 * share << " %  "
        << std::string(static_cast<size_t>(kBarWidth * share + 0.5), '#') << "\n";
  };
  out << grouped(captions_) << " captions\n";
  line("empty", empty_);
  line("truncated", truncated_);
  out << "levels\n";
  for (const auto& [level, count] : levels_) line(level_name(level), count);
  out << "tokens, with begin and end\n";
  for (const auto& [first, count] : histogram_) line(text(first, " - ", first + kBin - 1), count);
  return out.str();
}

CaptionStatistics statistics_of_run(const Dataset& dataset, const PromptOptions& reading, int64_t most) {
  const Plan& plan = dataset.plan();
  const SampleCaptions captions(dataset.manifest(), dataset.options(), dataset.seed(), plan.total_steps());
  const ClipTokenizer tokenizer;
  CaptionStatistics statistics;
  const int64_t batches = std::clamp<int64_t>(most / plan.batch_size(), 1, plan.sequence().size());
  for (int64_t i = 0; i < batches; ++i) {
    const GlobalBatch batch = plan.batch(i * plan.sequence().size() / batches);
    for (const PlannedSample& sample : batch.samples) {
      const Caption caption = captions.caption(sample.row, sample.epoch, sample.repeat, batch.step - 1);
      const ChunkedPrompt prompt = chunk_prompt(caption.text, tokenizer, reading);
      statistics.add(caption, prompt.tokens + kBeginAndEnd, prompt.cut > 0);
    }
    check_interrupted();
  }
  return statistics;
}

}  // namespace atelier
