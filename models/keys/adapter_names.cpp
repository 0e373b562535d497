#include "models/keys/adapter_names.h"

#include <algorithm>
#include <array>

#include "configs/base/text.h"
#include "models/keys/key_map.h"

namespace atelier {
namespace {

/// What files write for a tensor of an adapter -> the one spelling. `named`: PEFT may put the adapter's name behind it
/// ("lora_A.default.weight").
struct Spelling {
  std::string_view written, tensor;
  bool named = false;
};

// A longer spelling stands before its end.
constexpr std::array kSpellings = {
    Spelling{".lora_linear_layer.down.weight", "lora_down.weight"},
    Spelling{".lora_linear_layer.up.weight", "lora_up.weight"},
    Spelling{".lora.down.weight", "lora_down.weight"},
    Spelling{".lora.up.weight", "lora_up.weight"},
    Spelling{".lora_down.weight", "lora_down.weight"},
    Spelling{".lora_up.weight", "lora_up.weight"},
    Spelling{".lora_mid.weight", "lora_mid.weight"},
    Spelling{".lora_A.weight", "lora_down.weight", true},
    Spelling{".lora_B.weight", "lora_up.weight", true},
    Spelling{".lora_magnitude_vector.weight", "lora_magnitude_vector", true},
    Spelling{".lora_magnitude_vector", "lora_magnitude_vector", true},
    Spelling{".hada_w1_a", "hada_w1_a", true},
    Spelling{".hada_w1_b", "hada_w1_b", true},
    Spelling{".hada_w2_a", "hada_w2_a", true},
    Spelling{".hada_w2_b", "hada_w2_b", true},
    Spelling{".hada_t1", "hada_t1", true},
    Spelling{".hada_t2", "hada_t2", true},
    Spelling{".lokr_w1", "lokr_w1", true},
    Spelling{".lokr_w1_a", "lokr_w1_a", true},
    Spelling{".lokr_w1_b", "lokr_w1_b", true},
    Spelling{".lokr_w2", "lokr_w2", true},
    Spelling{".lokr_w2_a", "lokr_w2_a", true},
    Spelling{".lokr_w2_b", "lokr_w2_b", true},
    Spelling{".lokr_t2", "lokr_t2", true},
    Spelling{".dora_scale", "dora_scale"},
    Spelling{".alpha", "alpha"},
};

/// "X.lora_A.NAME.weight" -> "X.lora_A.weight"; "X.hada_w1_a.NAME" -> "X.hada_w1_a". Nothing to do: nullopt.
std::optional<std::string> without_adapter_name(std::string_view key, const Spelling& rule) {
  constexpr std::string_view kWeight = ".weight";
  const bool weight = rule.written.ends_with(kWeight);
  const std::string_view stem = weight ? rule.written.substr(0, rule.written.size() - kWeight.size()) : rule.written;
  if (weight && !key.ends_with(kWeight)) return std::nullopt;
  const std::string_view head = weight ? key.substr(0, key.size() - kWeight.size()) : key;
  const size_t dot = head.rfind('.');
  if (dot == std::string_view::npos || !head.substr(0, dot).ends_with(stem)) return std::nullopt;
  return text(head.substr(0, dot), weight ? kWeight : "");
}

std::optional<AdapterKey> match(std::string_view key, const Spelling& rule) {
  if (!key.ends_with(rule.written) || key.size() == rule.written.size()) return std::nullopt;
  return AdapterKey{std::string(key.substr(0, key.size() - rule.written.size())), std::string(rule.tensor)};
}

std::string with_underscores(std::string_view path) {
  std::string name(path);
  std::replace(name.begin(), name.end(), '.', '_');
  return name;
}

struct Prefix {
  std::string_view written, ours;
};

// The first that a module begins with. PEFT puts its own before the model's.
constexpr std::array kPrefixes = {
    Prefix{"text_encoder_2.", "lora_te2_"}, Prefix{"text_encoder.", "lora_te1_"}, Prefix{"unet.", "lora_unet_"},
    Prefix{"lora_unet_", "lora_unet_"},     Prefix{"lora_te1_", "lora_te1_"},     Prefix{"lora_te2_", "lora_te2_"},
    Prefix{"lycoris_unet_", "lora_unet_"},  Prefix{"lycoris_", "lora_unet_"},
};

AdapterPlace::Target unet_target(const std::string& path) {
  const auto has = [&](std::string_view part) { return path.find(part) != std::string::npos; };
  if (has("attentions.")) return AdapterPlace::Target::kTransformer;
  const bool resnet = has("resnets.") || has("downsamplers.") || has("upsamplers.");
  return resnet ? AdapterPlace::Target::kResnet : AdapterPlace::Target::kElsewhere;
}

}  // namespace

LoraNaming unet_lora_naming(const UNet2DConditionOptions& options) {
  return [map = unet_key_map(options)](const std::string& path) -> std::optional<AdapterPlace> {
    const std::optional<std::string> sgm = map.to_sgm(path);
    if (!sgm) return std::nullopt;
    return AdapterPlace{
        "lora_unet_" + with_underscores(*sgm), unet_target(path), {"lora_unet_" + with_underscores(path)}};
  };
}

LoraNaming text_encoder_lora_naming(int encoder) {
  return [prefix = text("lora_te", encoder, '_')](const std::string& path) -> std::optional<AdapterPlace> {
    const bool layer = path.find(".self_attn.") != std::string::npos || path.find(".mlp.") != std::string::npos;
    AdapterPlace place{prefix + with_underscores(path),
                       layer ? AdapterPlace::Target::kTransformer : AdapterPlace::Target::kElsewhere,
                       {}};
    constexpr std::string_view kModel = "text_model.";  // which transformers 5 leaves out
    if (path.starts_with(kModel)) place.aliases.push_back(prefix + with_underscores(path.substr(kModel.size())));
    return place;
  };
}

LoraNaming lora_naming(Part part, const std::optional<UNet2DConditionOptions>& unet) {
  switch (part) {
    case Part::kTextEncoder: return text_encoder_lora_naming(1);
    case Part::kTextEncoder2: return text_encoder_lora_naming(2);
    case Part::kUnet: return unet_lora_naming(*unet);
    case Part::kVae: break;
  }
  return {};
}

bool is_spatial(std::span<const int64_t> shape) { return shape.size() == 4 && (shape[2] > 1 || shape[3] > 1); }

std::optional<AdapterKey> parse_adapter_key(std::string_view key) {
  for (const Spelling& rule : kSpellings) {
    if (auto parsed = match(key, rule)) return parsed;
  }
  for (const Spelling& rule : kSpellings) {
    const std::optional<std::string> plain = rule.named ? without_adapter_name(key, rule) : std::nullopt;
    if (plain) return match(*plain, rule);
  }
  return std::nullopt;
}

std::string module_id(std::string_view module) {
  constexpr std::string_view kPeft = "base_model.model.";
  const bool peft = module.starts_with(kPeft);
  if (peft) module.remove_prefix(kPeft.size());
  for (const Prefix& prefix : kPrefixes) {
    if (module.starts_with(prefix.written)) {
      return text(prefix.ours, with_underscores(module.substr(prefix.written.size())));
    }
  }
  return peft ? "lora_unet_" + with_underscores(module) : std::string(module);
}

}  // namespace atelier
