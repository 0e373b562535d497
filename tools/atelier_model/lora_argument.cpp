#include "tools/atelier_model/lora_argument.h"

#include <ATen/ATen.h>

#include <charconv>

#include "configs/base/error.h"
#include "configs/base/log.h"

namespace atelier {

LoraArgument parse_lora(const std::string& argument) {
  const size_t colon = argument.rfind(':');
  if (colon == std::string::npos) return {argument};
  double weight = 0;
  const char* const end = argument.data() + argument.size();
  const auto parsed = std::from_chars(argument.data() + colon + 1, end, weight);
  if (parsed.ec != std::errc() || parsed.ptr != end) return {argument};  // a colon of the file's name
  return {argument.substr(0, colon), weight};
}

void attach_lora(const LoraArgument& argument, const std::vector<LoraTarget>& targets, at::Device device) {
  const auto network = LoraNetwork::load(argument.file, argument.weight);
  network->place_frozen(device, at::kFloat);
  int64_t attached = 0;
  for (const LoraTarget& target : targets) attached += network->attach(*target.model, target.naming);
  const std::vector<std::string> left = network->unattached();
  if (attached == 0) throw WeightsError("no adapter of this LoRA fits the model", argument.file);
  if (!left.empty()) log_warning(argument.file, ": ", left.size(), " adapters have no place here, e.g. ", left.front());
}

}  // namespace atelier
