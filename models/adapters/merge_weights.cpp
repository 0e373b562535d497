#include "models/adapters/merge_weights.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "configs/base/error.h"
#include "configs/base/text.h"
#include "models/weights/weights.h"

namespace atelier {
namespace {

/// Where the adapters of a part go; empty for the autoencoder.
LoraNaming naming_of(const StoredPipeline& pipeline, Part part) {
  switch (part) {
    case Part::kTextEncoder: return text_encoder_lora_naming(1);
    case Part::kTextEncoder2: return text_encoder_lora_naming(2);
    case Part::kUnet: return unet_lora_naming(*pipeline.unet);
    case Part::kVae: break;
  }
  return {};
}

void merge_into(TensorSource& source, const std::shared_ptr<const AdapterFile>& file, const std::string& id,
                double multiplier) {
  const std::shared_ptr<NetworkAdapter> adapter = file->read(id);
  if (!adapter->fits_shape(source.shape)) {
    throw_misfit(file->modules().at(id), *adapter, source.name, source.shape, file->path().string());
  }
  source.read = [read = std::move(source.read), file, id, multiplier] {
    const std::shared_ptr<NetworkAdapter> again = file->read(id);
    again->set_multiplier(multiplier);
    return again->adapted_weight(read().to(at::kFloat));
  };
}

double largest_of(at::ScalarType type) {
  switch (type) {
    case at::kHalf: return std::numeric_limits<c10::Half>::max();
    case at::kBFloat16: return std::numeric_limits<c10::BFloat16>::max();
    case at::kFloat8_e4m3fn: return std::numeric_limits<c10::Float8_e4m3fn>::max();
    case at::kFloat8_e5m2: return std::numeric_limits<c10::Float8_e5m2>::max();
    default: return std::numeric_limits<double>::max();
  }
}

/// WeightsError unless every number of `values` is one of `type`. `path`: what the adapters are merged into.
void check_numbers(const at::Tensor& values, at::ScalarType type, const std::string& name,
                   const std::filesystem::path& path) {
  const bool narrow = values.scalar_type() != at::kFloat && values.scalar_type() != at::kDouble;
  const auto [low, high] = at::aminmax(narrow ? values.to(at::kFloat) : values);
  const double largest = std::max(-low.item<double>(), high.item<double>());  // aminmax of NaN is NaN
  if (std::isnan(low.item<double>()) || std::isinf(largest)) {
    throw WeightsError(text("the merged ", name, " holds numbers that are none (NaN or infinite)"), path.string(),
                       "the model, a LoRA or its weight is at fault: merge them one by one to see which");
  }
  if (largest <= largest_of(type)) return;
  throw WeightsError(text("the merged ", name, " holds ", largest, ", too large for its type"), path.string(),
                     "write the model with --dtype bf16 or fp32");
}

}  // namespace

std::vector<std::string> merge_adapters(StoredPipeline& pipeline, const std::shared_ptr<const AdapterFile>& file,
                                        double multiplier) {
  const at::NoGradGuard no_grad;
  constexpr std::string_view kWeight = ".weight";
  std::set<std::string> merged;
  for (auto& [part, sources] : pipeline.tensors) {
    const LoraNaming naming = naming_of(pipeline, part);
    for (TensorSource& source : sources) {
      if (!naming || !source.name.ends_with(kWeight) || source.shape.size() < 2) continue;
      const auto place = naming(source.name.substr(0, source.name.size() - kWeight.size()));
      const std::string* id = place ? file->find(*place) : nullptr;
      if (!id) continue;
      merge_into(source, file, *id, multiplier);
      merged.insert(*id);
    }
  }
  std::vector<std::string> unused;
  for (const auto& [id, name] : file->modules()) {
    if (!merged.contains(id)) unused.push_back(name);
  }
  return unused;
}

void finish_merge(StoredPipeline& pipeline, std::optional<SafeDtype> dtype) {
  for (auto& [part, sources] : pipeline.tensors) {
    for (TensorSource& source : sources) {
      if (!is_floating(source.dtype) || std::find(source.shape.begin(), source.shape.end(), 0) != source.shape.end()) {
        continue;
      }
      source.dtype = dtype.value_or(source.dtype);
      source.read = [read = std::move(source.read), type = scalar_type(source.dtype), name = source.name,
                     path = pipeline.path] {
        at::Tensor values = read();
        check_numbers(values, type, name, path);
        return values;  // whoever writes it converts it, into memory of its own
      };
    }
  }
}

}  // namespace atelier
