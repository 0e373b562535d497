#include "models/keys/adapter_summary.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>

#include "models/keys/adapter_names.h"
#include "models/keys/model_kind.h"

namespace atelier {
namespace {

/// The one tensor that every module of an algorithm has.
struct MainTensor {
  std::string_view tensor, algorithm;  // as in AdapterKey::tensor
  size_t rank_axis;                    // of its shape
};

constexpr size_t kNoRank = 99;  // the tensor does not tell it
constexpr std::array kMainTensors = {
    MainTensor{"lora_down.weight", "lora", 0}, MainTensor{"hada_w1_a", "loha", 1},
    MainTensor{"lokr_w1", "lokr", kNoRank},    MainTensor{"lokr_w1_b", "lokr", 0},
    MainTensor{"oft_blocks", "oft", kNoRank},  MainTensor{"oft_diag", "oft", kNoRank},
    MainTensor{"diff", "diff", kNoRank},
};

/// parse_adapter_key(), and the kinds that are known and not read.
std::optional<AdapterKey> adapter_key(std::string_view name) {
  if (auto key = parse_adapter_key(name)) return key;
  for (const std::string_view tensor : {"oft_blocks", "oft_diag", "diff"}) {
    if (!name.ends_with(tensor) || name.size() < tensor.size() + 2) continue;
    const std::string_view module = name.substr(0, name.size() - tensor.size());
    if (module.ends_with('.')) return AdapterKey{std::string(module.substr(0, module.size() - 1)), std::string(tensor)};
  }
  return std::nullopt;
}

std::string_view naming_of_key(std::string_view name) {
  const auto has = [&](std::string_view part) { return name.find(part) != std::string_view::npos; };
  return has(".lora_A.") ? "peft" : has("lora.down.") || has("lora_linear_layer.down.") ? "diffusers" : "kohya";
}

/// A module name that only one family has. First match wins.
struct FamilyRule {
  std::string_view prefix, part, family;
};

constexpr std::array kFamilies = {
    FamilyRule{"lora_te1_", "", "sdxl"},
    FamilyRule{"lora_te2_", "", "sdxl"},
    FamilyRule{"text_encoder_2.", "", "sdxl"},
    FamilyRule{"lora_unet_input_blocks_", "", "sdxl"},
    FamilyRule{"lora_unet_output_blocks_", "", "sdxl"},
    FamilyRule{"lora_unet_middle_block_", "", "sdxl"},
    FamilyRule{"", "double_blocks", "flux"},
    FamilyRule{"", "single_transformer_blocks", "flux"},
    FamilyRule{"", "joint_blocks", "sd3"},
    FamilyRule{"transformer.", "add_q_proj", "sd3"},
    FamilyRule{"", "blocks_0_cross_attn_", "wan"},
    FamilyRule{"", "blocks.0.cross_attn.", "wan"},
    FamilyRule{"", "layers_0_attention_qkv", "lumina2"},
    FamilyRule{"", "layers.0.attention.", "lumina2"},
};

std::string_view family_of_module(std::string_view module) {
  for (const FamilyRule& rule : kFamilies) {
    if (module.starts_with(rule.prefix) && module.find(rule.part) != std::string_view::npos) return rule.family;
  }
  return {};
}

/// By the width of a UNet's text input, or of the only text encoder, where the module's main tensor has it.
std::string_view family_of_inputs(std::string_view module, const MainTensor& main, const SafeTensorInfo& tensor) {
  const bool context = module.ends_with("attn2_to_k") || module.ends_with("attn2.to_k") ||
                       module.ends_with("attn2.processor.to_k") || module.starts_with("lora_te_");
  const bool has_inputs = main.algorithm == "lora" || main.algorithm == "diff";
  return context && has_inputs && tensor.shape.size() >= 2 ? family_of_text_width(tensor.shape[1]) : "";
}

std::string component_of_module(std::string_view module) {
  const std::string id = module_id(module);
  const std::string_view component = component_of(id);
  return component.empty() ? "other" : std::string(component);
}

double half_value(uint16_t bits, int exponent_bits) {
  const int mantissa_bits = 15 - exponent_bits, bias = (1 << (exponent_bits - 1)) - 1;
  const int exponent = (bits >> mantissa_bits) & ((1 << exponent_bits) - 1);
  const int mantissa = bits & ((1 << mantissa_bits) - 1);
  const double fraction = std::ldexp(mantissa, -mantissa_bits);
  const double magnitude = exponent == 0 ? std::ldexp(fraction, 1 - bias) : std::ldexp(1 + fraction, exponent - bias);
  return bits & 0x8000 ? -magnitude : magnitude;
}

template <typename Number>
Number read_as(std::span<const std::byte> bytes) {
  Number value{};
  std::memcpy(&value, bytes.data(), sizeof value);
  return value;
}

/// The number that a one-element tensor holds; nullopt for types that no alpha has.
std::optional<double> scalar_value(const SafetensorsFile& file, const SafeTensorInfo& tensor) {
  if (tensor.element_count() != 1) return std::nullopt;
  const auto bytes = file.bytes(tensor);
  switch (tensor.dtype) {
    case SafeDtype::kF64: return read_as<double>(bytes);
    case SafeDtype::kF32: return read_as<float>(bytes);
    case SafeDtype::kF16: return half_value(read_as<uint16_t>(bytes), 5);
    case SafeDtype::kBF16: return half_value(read_as<uint16_t>(bytes), 8);
    case SafeDtype::kI64: return static_cast<double>(read_as<int64_t>(bytes));
    case SafeDtype::kI32: return read_as<int32_t>(bytes);
    default: return std::nullopt;
  }
}

/// Gathers one file's facts tensor by tensor.
class AdapterCounter {
 public:
  explicit AdapterCounter(const SafetensorsFile& file) : file_(file) {}

  void count(const SafeTensorInfo& tensor) {
    const std::optional<AdapterKey> key = adapter_key(tensor.name);
    if (!key) return;
    for (const MainTensor& main : kMainTensors) {
      if (key->tensor == main.tensor) return count_module(key->module, main, tensor);
    }
    if (key->tensor == "lokr_w2_b" && !tensor.shape.empty()) ++lokr_ranks_[tensor.shape[0]];
    dora_ |= key->tensor == "dora_scale";
    if (key->tensor != "alpha") return;
    if (const auto alpha = scalar_value(file_, tensor)) ++summary_.alphas[*alpha];
  }

  AdapterSummary finish() {
    if (summary_.ranks.empty()) summary_.ranks = lokr_ranks_;
    if (dora_) {
      summary_.algorithm = "dora";
    } else if (summary_.algorithm == "lora" && summary_.algorithms.contains("conv")) {
      summary_.algorithm = "locon";
    }
    if (summary_.family.empty()) summary_.family = by_width_;
    return std::move(summary_);
  }

 private:
  void count_module(std::string_view module, const MainTensor& main, const SafeTensorInfo& tensor) {
    ++summary_.modules;
    ++summary_.algorithms[main.algorithm == "lora" && is_spatial(tensor.shape) ? "conv" : std::string(main.algorithm)];
    ++summary_.components[component_of_module(module)];
    if (main.rank_axis < tensor.shape.size()) ++summary_.ranks[tensor.shape[main.rank_axis]];
    if (summary_.algorithm.empty() || summary_.algorithm == "diff") {
      summary_.algorithm = main.algorithm;
      summary_.naming = naming_of_key(tensor.name);
    }
    if (summary_.family.empty()) summary_.family = family_of_module(module);
    if (by_width_.empty()) by_width_ = family_of_inputs(module, main, tensor);
  }

  const SafetensorsFile& file_;
  AdapterSummary summary_;
  std::map<int64_t, int64_t> lokr_ranks_;
  std::string by_width_;
  bool dora_ = false;
};

}  // namespace

AdapterSummary adapter_summary(const SafetensorsFile& file) {
  AdapterCounter counter(file);
  for (const SafeTensorInfo& tensor : file.tensors()) counter.count(tensor);
  return counter.finish();
}

}  // namespace atelier
