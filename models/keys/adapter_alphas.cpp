#include "models/keys/adapter_alphas.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "configs/base/atomic_file.h"
#include "configs/base/error.h"
#include "configs/base/text.h"

namespace atelier {
namespace {

using nlohmann::json;

constexpr const char* kMetadataKey = "lora_adapter_metadata";

json parse_object(const std::string& content, const std::string& where) {
  json parsed = json::parse(content, nullptr, /*allow_exceptions=*/false);
  if (!parsed.is_object()) throw WeightsError("the adapter's configuration is no JSON object", where);
  return parsed;
}

/// The member of one of these names that is a number.
std::optional<double> number_of(const json& object, std::initializer_list<std::string> names) {
  for (const std::string& name : names) {
    if (object.contains(name) && object[name].is_number()) return object[name].get<double>();
  }
  return std::nullopt;
}

}  // namespace

AdapterAlphas::AdapterAlphas(const SafetensorsFile& file) {
  const auto add = [&](const json& config, const std::string& prefix) {
    // LoRA's name in PEFT, and that of its other kinds.
    Table table{prefix,
                number_of(config, {prefix + "lora_alpha", prefix + "alpha"}),
                number_of(config, {prefix + "r"}),
                {},
                false};
    const std::string patterns = prefix + "alpha_pattern", stabilised = prefix + "use_rslora";
    if (config.contains(patterns) && config[patterns].is_object()) {
      for (const auto& [path, alpha] : config[patterns].items()) {
        if (alpha.is_number()) table.patterns.emplace_back(path, alpha.get<double>());
      }
    }
    table.rank_stabilised = config.contains(stabilised) && config[stabilised] == true;
    if (table.alpha) tables_.push_back(std::move(table));
  };
  const auto metadata = file.metadata().find(kMetadataKey);
  if (metadata != file.metadata().end()) {
    const json config = parse_object(metadata->second, text(file.path().string(), ": ", kMetadataKey));
    for (const char* part : {"unet.", "text_encoder.", "text_encoder_2."}) add(config, part);
  }
  const std::filesystem::path beside = file.path().parent_path() / "adapter_config.json";
  if (file.path().filename() == "adapter_model.safetensors" && std::filesystem::exists(beside)) {
    add(parse_object(read_file(beside), beside.string()), "");
  }
}

const AdapterAlphas::Table* AdapterAlphas::table_of(const std::string& module) const {
  const auto found = std::find_if(tables_.begin(), tables_.end(),
                                  [&](const Table& table) { return module.starts_with(table.prefix); });
  return found == tables_.end() ? nullptr : &*found;
}

std::optional<double> AdapterAlphas::find(const std::string& module, int64_t rank) const {
  const Table* const table = table_of(module);
  if (!table) return std::nullopt;
  double alpha = *table->alpha;
  for (const auto& [path, own] : table->patterns) {
    if (module == table->prefix + path || module.ends_with("." + path)) alpha = own;
  }
  return table->rank_stabilised ? alpha * std::sqrt(static_cast<double>(rank)) : alpha;
}

double AdapterAlphas::whole_scale(const std::string& module) const {
  const Table* const table = table_of(module);
  return table && table->rank.value_or(0) > 0 ? find(module, 1).value() / *table->rank : 1;
}

}  // namespace atelier
