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
#include "models/weights/weights.h"
#include "trainer/cache/cache_setting.h"

namespace atelier {
namespace {

constexpr int64_t kTextsAtOnce = 16;
/// The item of what caption dropouts leave.
constexpr int64_t kEmptyCaption = -1;
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
      captions_(dataset.manifest(), dataset.options(), dataset.seed(), dataset.plan().total_steps()),
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

std::vector<WantedGroup> TextCache::wanted() const {
  const std::vector<int64_t>& rows = dataset_.selection().rows;
  check_captions_stay(captions_, rows);
  WantedGroup group{{length_ * width_ + pooled_width_}, {}};
  group.wanted.resize(rows.size());
  parallel_for(std::ssize(rows), 0, [&](int64_t i) {
    group.wanted[i] = {cache_key(usual_caption(captions_, rows[i])), rows[i]};
  });
  group.wanted.push_back({cache_key(""), kEmptyCaption});
  std::vector<WantedGroup> groups;
  groups.push_back(std::move(group));
  return groups;
}

FillReport TextCache::fill() {
  std::vector<WantedGroup> groups = wanted();
  const MakeRecords make = [&](const WantedGroup&, std::span<const WantedRecord> missing, RecordSink& sink) {
    this->make(missing, sink);
  };
  return fill_records(store_, groups, {"cache texts", "captions", kTextsAtOnce}, make);
}

void TextCache::make(std::span<const WantedRecord> missing, RecordSink& sink) const {
  const at::NoGradGuard no_grad;
  while (!missing.empty() && !interrupted()) {
    const auto part = missing.first(std::min<size_t>(missing.size(), kTextsAtOnce));
    missing = missing.subspan(part.size());
    std::vector<std::string> texts;
    for (const WantedRecord& wanted : part) {
      texts.push_back(wanted.item == kEmptyCaption ? "" : usual_caption(captions_, wanted.item));
    }
    const Conditioning answer = encoder_.encode(texts);
    const at::Tensor records = at::cat({answer.encoder_hidden_states.flatten(1), answer.text_embeds}, 1)
                                   .to(at::kCPU, scalar_type(store_.dtype()))
                                   .contiguous();
    if (!all_finite(records)) {
      throw WeightsError("the text encoders give NaN or infinity", texts.front(),
                         "set dataset.cache_dtype: bf16 if their states are too large for fp16");
    }
    const std::span bytes(static_cast<const std::byte*>(records.const_data_ptr()), records.nbytes());
    const size_t each = bytes.size() / part.size();
    for (size_t i = 0; i < part.size(); ++i) {
      sink.add_sample(part[i].sample, part[i].sample);
      sink.add_record(part[i].sample, bytes.subspan(i * each, each));
    }
  }
}

Conditioning TextCache::encode(std::span<const std::string> captions) const {
  const int64_t states = length_ * width_;
  at::Tensor records = at::zeros({std::ssize(captions), states + pooled_width_},
                                 at::TensorOptions(scalar_type(store_.dtype())).pinned_memory(!device_.is_cpu()));
  auto* out = static_cast<std::byte*>(records.mutable_data_ptr());
  const size_t each = records.nbytes() / captions.size();
  std::vector<int64_t> uncached;
  std::vector<std::string> texts;  // of these
  for (size_t i = 0; i < captions.size(); ++i) {
    const std::optional<RecordPlace> place = store_.find(cache_key(captions[i]));
    if (!place) {
      uncached.push_back(static_cast<int64_t>(i));
      texts.push_back(captions[i]);
      continue;
    }
    const std::span<const std::byte> record = store_.checked_record(*place);
    if (record.size() != each) throw DataError("a record of the cache has another size", store_.folder().string());
    std::memcpy(out + i * each, record.data(), each);
  }
  records = records.to(device_, /*non_blocking=*/true).to(type_);
  Conditioning all{records.narrow(1, 0, states).reshape({-1, length_, width_}),
                   records.narrow(1, states, pooled_width_)};
  if (uncached.empty()) return all;
  const Conditioning fresh = encoder_.encode(texts);
  const at::Tensor rows = at::tensor(uncached, at::kLong).to(device_);
  all.encoder_hidden_states.index_copy_(0, rows, fresh.encoder_hidden_states);
  all.text_embeds.index_copy_(0, rows, fresh.text_embeds);
  return all;
}

}  // namespace atelier
