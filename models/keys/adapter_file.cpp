#include "models/keys/adapter_file.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <optional>
#include <string_view>

#include "models/keys/model_kind.h"

namespace atelier {
namespace {

/// A tensor name's end, and what it says of its module.
struct SuffixRule {
  std::string_view suffix, algorithm, naming;
  int rank_axis;  // of the tensor's shape; -1: it does not tell the rank
};

// The one tensor that every module of the algorithm has. A module with both a whole and a factored one counts once.
constexpr std::array kMainSuffixes = {
    SuffixRule{".lora_down.weight", "lora", "kohya", 0},
    SuffixRule{".lora_A.weight", "lora", "peft", 0},
    SuffixRule{".lora_A.default.weight", "lora", "peft", 0},
    SuffixRule{".lora.down.weight", "lora", "diffusers", 0},
    SuffixRule{"_lora.down.weight", "lora", "diffusers", 0},
    SuffixRule{".hada_w1_a", "loha", "kohya", 1},
    SuffixRule{".lokr_w1", "lokr", "kohya", -1},
    SuffixRule{".lokr_w1_b", "lokr", "kohya", 0},
    SuffixRule{".oft_blocks", "oft", "kohya", -1},
    SuffixRule{".oft_diag", "oft", "kohya", -1},
    SuffixRule{".diff", "diff", "kohya", -1},
};
constexpr std::array<std::string_view, 3> kMagnitudes = {".dora_scale", ".lora_magnitude_vector",
                                                         ".lora_magnitude_vector.weight"};
constexpr std::string_view kAlpha = ".alpha", kLokrSecond = ".lokr_w2_b";

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

/// The width of a UNet's text input, or that of the only text encoder, tells the family.
std::string_view family_of_width(std::string_view module, const SafeTensorInfo& down) {
  const bool context = module.ends_with("attn2_to_k") || module.ends_with("attn2.to_k") ||
                       module.ends_with("attn2.processor.to_k") || module.starts_with("lora_te_");
  if (!context || down.shape.size() < 2) return {};
  const int64_t width = down.shape[1];
  return width == 768 ? "sd1" : width == 1024 ? "sd2" : width == 1280 ? "sdxl-refiner" : width == 2048 ? "sdxl" : "";
}

std::string component_of_module(std::string_view module) {
  const std::string_view component = component_of(module);
  return component.empty() ? "other" : std::string(component);
}

bool is_spatial(const SafeTensorInfo& down) {
  return down.shape.size() == 4 && (down.shape[2] > 1 || down.shape[3] > 1);
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
    const std::string_view name = tensor.name;
    for (const SuffixRule& rule : kMainSuffixes) {
      if (name.ends_with(rule.suffix))
        return count_module(name.substr(0, name.size() - rule.suffix.size()), rule, tensor);
    }
    if (name.ends_with(kLokrSecond) && !tensor.shape.empty()) ++lokr_ranks_[tensor.shape[0]];
    for (const std::string_view magnitude : kMagnitudes) dora_ |= name.ends_with(magnitude);
    if (!name.ends_with(kAlpha)) return;
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
  void count_module(std::string_view module, const SuffixRule& rule, const SafeTensorInfo& tensor) {
    ++summary_.modules;
    ++summary_.algorithms[rule.algorithm == "lora" && is_spatial(tensor) ? "conv" : std::string(rule.algorithm)];
    ++summary_.components[component_of_module(module)];
    if (rule.rank_axis >= 0 && !tensor.shape.empty()) ++summary_.ranks[tensor.shape[rule.rank_axis]];
    if (summary_.algorithm.empty() || summary_.algorithm == "diff") {
      summary_.algorithm = rule.algorithm;
      summary_.naming = rule.naming;
    }
    if (summary_.family.empty()) summary_.family = family_of_module(module);
    if (by_width_.empty()) by_width_ = family_of_width(module, tensor);
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
