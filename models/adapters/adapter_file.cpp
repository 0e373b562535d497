#include "models/adapters/adapter_file.h"

#include <ATen/ATen.h>

#include "configs/base/error.h"
#include "configs/base/text.h"
#include "models/adapters/adapter_kinds.h"
#include "models/keys/model_kind.h"
#include "models/weights/weights.h"

namespace atelier {
namespace {

constexpr const char* kAlphaTensor = "alpha";

}  // namespace

AdapterFile::AdapterFile(const std::filesystem::path& path) : file_(path), alphas_(file_) {
  require_sdxl_adapter(file_);
  for (const SafeTensorInfo& info : file_.tensors()) {
    const std::optional<AdapterKey> key = parse_adapter_key(info.name);
    if (!key) {
      unknown_keys_.push_back(info.name);
      continue;
    }
    const std::string id = module_id(key->module);
    const auto [name, added] = names_.emplace(id, key->module);
    if (!tensors_[id].emplace(key->tensor, &info).second) {
      throw WeightsError(text("two tensors for one: ", info.name, " and another of ", name->second), path.string());
    }
  }
  // An alpha alone (of an adapter that we do not know) is no adapter.
  std::erase_if(tensors_, [&](const auto& module) {
    if (module.second.size() > 1 || !module.second.contains(kAlphaTensor)) return false;
    unknown_keys_.push_back(module.second.at(kAlphaTensor)->name);
    return names_.erase(module.first) > 0;
  });
  if (names_.empty()) {
    throw WeightsError("no adapters of a known kind in this file", path.string(),
                       "wanted: LoRA, LoCon, LoHa, LoKr or DoRA under kohya's, PEFT's or diffusers' names");
  }
}

const std::string* AdapterFile::find(const AdapterPlace& place) const {
  const std::string* found = nullptr;
  const auto look = [&](const std::string& id) {
    const auto module = names_.find(id);
    if (module == names_.end() || (found && *found == module->first)) return;
    if (found) {
      throw WeightsError(text("two adapters for one layer: ", names_.at(*found), " and ", module->second),
                         file_.path().string());
    }
    found = &module->first;
  };
  look(place.name);
  for (const std::string& alias : place.aliases) look(alias);
  return found;
}

std::shared_ptr<NetworkAdapter> AdapterFile::read(const std::string& id) const {
  AdapterParts parts{names_.at(id), file_.path().string(), {}, {}, 1};
  for (const auto& [tensor, info] : tensors_.at(id)) {
    at::Tensor values = read_tensor(file_, *info);
    file_.drop_pages(*info);
    parts.require(values.is_floating_point());
    require_finite(values, info->name, path());
    if (tensor != kAlphaTensor) {
      parts.tensors[tensor] = values.to(at::kFloat);
      continue;
    }
    parts.require(values.numel() == 1);
    parts.alpha = values.to(at::kDouble).item<double>();
  }
  const auto down = parts.tensors.find("lora_down.weight");
  const int64_t rank = down == parts.tensors.end() || down->second.dim() == 0 ? 1 : down->second.size(0);
  if (!parts.alpha) {
    parts.alpha = alphas_.find(parts.module, rank);
    parts.whole_scale = alphas_.whole_scale(parts.module);
  }
  return read_adapter(parts);
}

void throw_misfit(const std::string& name, const NetworkAdapter& adapter, const std::string& path,
                  at::IntArrayRef weight_shape, const std::string& file) {
  const std::string shape = adapter.shape_text();
  std::string hint = "the adapters were made for another model";
  if (module_id(name).ends_with("attn2_to_k")) {  // whose inputs are the text's
    if (shape.ends_with(", 768]")) hint += ": Stable Diffusion 1, by the width of its texts";
    if (shape.ends_with(", 1024]")) hint += ": Stable Diffusion 2, by the width of its texts";
  }
  throw WeightsError(
      text("the adapter ", name, " is for a weight of ", shape, ", the model's ", path, " is ", weight_shape), file,
      hint);
}

}  // namespace atelier
