#include "tools/atelier_model/lora_argument.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <span>

#include "configs/base/error.h"
#include "configs/base/log.h"
#include "configs/base/text.h"
#include "models/adapters/adapter_network.h"

namespace atelier {

LoraArgument parse_lora(const std::string& argument) {
  const size_t colon = argument.rfind(':');
  if (colon == std::string::npos) return {argument};
  double weight = 0;
  const char* const end = argument.data() + argument.size();
  const auto parsed = std::from_chars(argument.data() + colon + 1, end, weight);
  if (parsed.ec != std::errc() || parsed.ptr != end) return {argument};  // a colon of the file's name
  if (!std::isfinite(weight)) throw ConfigError("a LoRA's weight is a finite number", argument);
  return {argument.substr(0, colon), weight};
}

void warn_unused(const std::string& file, const std::string& what, const std::vector<std::string>& names) {
  constexpr size_t kShown = 8;
  if (names.empty()) return;
  const std::span shown(names.data(), std::min(names.size(), kShown));
  log_warning(file, ": ", names.size(), ' ', what, ": ", join(shown, ", "), names.size() > kShown ? ", ..." : "");
}

void attach_lora(const LoraArgument& argument, const std::vector<LoraTarget>& targets, at::Device device) {
  const auto network = AdapterNetwork::load(argument.file, argument.weight);
  int64_t attached = 0;
  for (const LoraTarget& target : targets) attached += network->attach(*target.model, target.naming);
  network->place_frozen(device, at::kFloat);
  if (attached == 0) throw WeightsError("no adapter of this LoRA fits the model", argument.file);
  warn_unused(argument.file, "adapters have no place here", network->unattached());
  warn_unused(argument.file, "tensors are no part of a known adapter", network->unknown_keys());
}

}  // namespace atelier
