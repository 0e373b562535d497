#include "trainer/cache/text_cache.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <optional>
#include <string_view>

#include "configs/base/error.h"
#include "configs/base/interrupt.h"
#include "configs/base/text.h"
#include "configs/base/thread_pool.h"
#include "configs/schema/field.h"
#include "configs/schema/writer.h"
#include "data/caption/caption_policy.h"
#include "data/loader/sample_caption.h"
#include "models/weights/weights.h"
#include "trainer/cache/cache_setting.h"

namespace atelier {
namespace {

constexpr int64_t kTextsAtOnce = 16;
/// Rows whose captions are drawn several times, to see whether they change.
constexpr size_t kTriedRows = 512;
/// Uses of a row that are drawn: epoch, repeat, and steps before.
constexpr std::array<std::array<int64_t, 3>, 6> kTriedUses = {
    {{0, 0, 0}, {1, 0, 1000}, {0, 1, 1}, {2, 0, 100000}, {7, 3, 10}, {100, 0, 10000000}}};

/// The options of captions that can make them change from use to use.
constexpr std::array kChangingOptions = {
    "words_from",        "caption_choice",    "tag_sets",           "rating_words",      "year",
    "enable_wildcard",   "shuffle_caption",   "token_warmup_step",  "group_shuffle",     "group_dropout",
    "frequency_dropout", "drop_levels",       "register_token",     "spelling",          "paraphrase",
    "join_separators",   "caption_tag_dropout_rate"};

/// The YAML of each option.
std::map<std::string, std::string> blocks_of(CaptionOptions options) {
  Section section;
  describe(section, options);
  const std::string yaml = write_yaml(section);
  std::map<std::string, std::string> blocks;
  std::string key;
  for (const std::string_view line : split(yaml, '\n')) {
    if (!line.empty() && line[0] != ' ' && line[0] != '-') key = line.substr(0, line.find(':'));
    blocks[key] += line;
  }
  return blocks;
}

/// Those of kChangingOptions that do not have their defaults.
std::vector<std::string> changing_options(const CaptionOptions& options) {
  std::map<std::string, std::string> present = blocks_of(options), usual = blocks_of({});
  std::vector<std::string> names;
  for (const char* name : kChangingOptions) {
    if (present[name] != usual[name]) names.emplace_back(name);
  }
  return names;
}

/// The caption that a row has whenever it has one; empty if every draw leaves it out.
std::string usual_caption(const SampleCaptions& captions, int64_t row) {
  for (const auto& [epoch, repeat, step] : kTriedUses) {
    std::string caption = captions.caption(row, epoch, repeat, step).text;
    if (!caption.empty()) return caption;
  }
  return {};
}

bool changes(const SampleCaptions& captions, int64_t row) {
  const std::string usual = usual_caption(captions, row);
  return std::ranges::any_of(kTriedUses, [&](const auto& use) {
    const std::string caption = captions.caption(row, use[0], use[1], use[2]).text;
    return !caption.empty() && caption != usual;
  });
}

void check_captions_stay(const SampleCaptions& captions, const std::vector<int64_t>& rows) {
  const size_t step = std::max<size_t>(1, rows.size() / kTriedRows);
  for (size_t i = 0; i < rows.size(); i += step) {
    if (!changes(captions, rows[i])) continue;
    const std::vector<std::string> names = changing_options(captions.policy(rows[i]).options);
    throw ConfigError("captions that change from epoch to epoch cannot be cached",
                      "dataset.captions: " + (names.empty() ? "its random choices" : join(names, ", ")),
                      "leave these out, or set dataset.cache_text_encoder_outputs: off");
  }
}

}  // namespace

TextCache::TextCache(const std::filesystem::path& cache_dir, const Dataset& dataset, const StableDiffusionXL& model,
                     at::Device device, const PromptOptions& prompts)
    : dataset_(dataset),
      device_(device),
      encoder_(model, device, prompts),
      store_(text_setting(model, prompts, dataset.options().cache).open(cache_dir),
             cache_dtype(dataset.options().cache)) {
  const at::NoGradGuard no_grad;
  const std::string empty;
  const Conditioning answer = encoder_.encode({&empty, 1});
  length_ = answer.encoder_hidden_states.size(1);
  width_ = answer.encoder_hidden_states.size(2);
  pooled_width_ = answer.text_embeds.size(1);
  type_ = answer.encoder_hidden_states.scalar_type();
}

std::vector<WantedGroup> TextCache::wanted(std::vector<std::string>& captions) const {
  const Manifest& manifest = dataset_.manifest();
  const SampleCaptions source(manifest, dataset_.options(), dataset_.seed(), dataset_.plan().total_steps());
  const std::vector<int64_t>& rows = dataset_.selection().rows;
  check_captions_stay(source, rows);
  captions.resize(rows.size() + 1);  // the last stays empty: what caption dropouts leave
  parallel_for(std::ssize(rows), 0, [&](int64_t i) { captions[i] = usual_caption(source, rows[i]); });
  WantedGroup group{{length_ * width_ + pooled_width_}, {}};
  for (size_t i = 0; i < captions.size(); ++i) {
    group.wanted.push_back({cache_key(captions[i]), static_cast<int64_t>(i)});
  }
  std::vector<WantedGroup> groups;
  groups.push_back(std::move(group));
  return groups;
}

FillReport TextCache::fill() {
  std::vector<std::string> captions;
  std::vector<WantedGroup> groups = wanted(captions);
  const MakeRecords make = [&](const WantedGroup& group, std::span<const WantedRecord> missing, RecordSink& sink) {
    const at::NoGradGuard no_grad;
    while (!missing.empty() && !interrupted()) {
      const auto part = missing.first(std::min<size_t>(missing.size(), kTextsAtOnce));
      missing = missing.subspan(part.size());
      std::vector<std::string> texts;
      for (const WantedRecord& wanted : part) texts.push_back(captions[wanted.item]);
      const Conditioning answer = encoder_.encode(texts);
      const at::Tensor records = at::cat({answer.encoder_hidden_states.flatten(1), answer.text_embeds}, 1)
                                     .to(at::kCPU, scalar_type(store_.dtype()))
                                     .contiguous();
      if (!at::isfinite(records).all().item<bool>()) {
        throw WeightsError("the text encoders give NaN or infinity", texts.front(),
                           "set dataset.cache_dtype: bf16 if their states are too large for fp16");
      }
      const auto each = static_cast<size_t>(group.shape[0]) * safe_dtype_size(store_.dtype());
      const std::span bytes(static_cast<const std::byte*>(records.const_data_ptr()), records.nbytes());
      for (size_t i = 0; i < part.size(); ++i) {
        sink.add_sample(part[i].sample, part[i].sample);
        sink.add_record(part[i].sample, bytes.subspan(i * each, each));
      }
    }
  };
  return fill_records(store_, groups, {"cache texts", "captions", kTextsAtOnce}, make);
}

Conditioning TextCache::encode(std::span<const std::string> captions) const {
  const int64_t states = length_ * width_;
  at::Tensor records = at::empty({std::ssize(captions), states + pooled_width_},
                                 at::TensorOptions(scalar_type(store_.dtype())).pinned_memory(!device_.is_cpu()));
  auto* out = static_cast<std::byte*>(records.mutable_data_ptr());
  const size_t each = records.nbytes() / captions.size();
  for (const std::string& caption : captions) {
    const std::optional<RecordPlace> place = store_.find(cache_key(caption));
    if (!place) return encoder_.encode(captions);
    const std::span<const std::byte> record = store_.checked_record(*place);
    if (record.size() != each) throw DataError("a record of the cache has another size", store_.folder().string());
    std::memcpy(out, record.data(), each);
    out += each;
  }
  records = records.to(device_, /*non_blocking=*/true).to(type_);
  return {records.narrow(1, 0, states).reshape({-1, length_, width_}), records.narrow(1, states, pooled_width_)};
}

}  // namespace atelier
