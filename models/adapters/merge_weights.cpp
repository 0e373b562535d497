#include "models/adapters/merge_weights.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <functional>
#include <set>

#include "configs/base/error.h"
#include "configs/base/text.h"
#include "models/weights/weights.h"

namespace atelier {
namespace {

/// One adapter of one file; it is read again wherever it is used, so nothing is kept.
struct MergeStep {
  std::shared_ptr<const AdapterFile> file;
  std::string id;
  double multiplier;

  std::shared_ptr<NetworkAdapter> adapter() const {
    std::shared_ptr<NetworkAdapter> read = file->read(id);
    read->set_multiplier(multiplier);
    return read;
  }
};

/// WeightsError for a number that is none. `path`: what the adapters are merged into.
void check_numbers(const at::Tensor& values, const std::string& name, const std::filesystem::path& path) {
  if (all_finite(values)) return;
  throw WeightsError(text("the merged ", name, " holds numbers that are none (NaN or infinite)"), path.string(),
                     "the model, a LoRA or its weight is at fault: merge them one by one to see which");
}

/// TensorSource::read of a tensor that adapters are merged into.
struct MergedRead {
  std::function<at::Tensor()> base;
  std::vector<MergeStep> steps;
  at::ScalarType type;
  std::string name;
  std::filesystem::path path;  // of the model

  at::Tensor operator()() const {
    const at::Tensor weight = base();
    std::vector<std::shared_ptr<NetworkAdapter>> adapters;
    for (const MergeStep& step : steps) adapters.push_back(step.adapter());
    const auto by_rows = [](const auto& adapter) { return adapter->adds_rows(); };
    const bool rows = weight.dim() > 0 && std::all_of(adapters.begin(), adapters.end(), by_rows);
    return rows ? merged_by_rows(weight, adapters) : merged_at_once(weight, adapters);
  }

 private:
  using Adapters = std::vector<std::shared_ptr<NetworkAdapter>>;

  at::Tensor merged_at_once(at::Tensor weight, const Adapters& adapters) const {
    for (const auto& adapter : adapters) weight = adapter->adapted_weight(weight.to(at::kFloat));
    check_numbers(weight, name, path);
    return weight;  // whoever writes it converts it
  }

  /// As many rows at a time as stay in the processor's cache.
  at::Tensor merged_by_rows(const at::Tensor& weight, const Adapters& adapters) const {
    constexpr int64_t kBlock = int64_t{1} << 18;  // elements
    const int64_t height = weight.size(0), most = std::max<int64_t>(1, kBlock / weight[0].numel());
    if (adapters.empty() && weight.scalar_type() == type) {
      check_numbers(weight, name, path);
      return weight;
    }
    const at::Tensor merged = at::empty(weight.sizes(), type);
    std::vector<int64_t> block_shape = weight.sizes().vec();
    block_shape[0] = std::min(most, height);
    at::Tensor block = at::empty(block_shape, weight.scalar_type() == at::kDouble ? at::kDouble : at::kFloat);
    for (int64_t first = 0; first < height; first += most) {
      const int64_t count = std::min(most, height - first);
      at::Tensor rows = block.narrow(0, 0, count).copy_(weight.narrow(0, first, count));
      for (const auto& adapter : adapters) adapter->add_to_rows(rows, first);
      const at::Tensor to = merged.narrow(0, first, count);
      copy_in_range(to, rows, text(path.string(), ": ", name));
      check_numbers(type == at::kHalf ? to : rows, name, path);  // whichever is looked through faster
    }
    return merged;
  }
};

/// The MergedRead of `source`, which from now on reads through it.
MergedRead& merged_read(TensorSource& source, const std::filesystem::path& path) {
  if (!source.read.target<MergedRead>()) {
    source.read = MergedRead{std::move(source.read), {}, scalar_type(source.dtype), source.name, path};
  }
  return *source.read.target<MergedRead>();
}

void merge_into(TensorSource& source, const MergeStep& step, const std::filesystem::path& path) {
  const std::shared_ptr<NetworkAdapter> adapter = step.adapter();
  if (!adapter->fits_shape(source.shape)) {
    throw_misfit(step.file->modules().at(step.id), *adapter, source.name, source.shape, step.file->path().string());
  }
  merged_read(source, path).steps.push_back(step);
}

}  // namespace

std::vector<std::string> merge_adapters(StoredPipeline& pipeline, const std::shared_ptr<const AdapterFile>& file,
                                        double multiplier) {
  const at::NoGradGuard no_grad;
  constexpr std::string_view kWeight = ".weight";
  std::set<std::string> merged;
  for (auto& [part, sources] : pipeline.tensors) {
    const LoraNaming naming = lora_naming(part, pipeline.unet);
    for (TensorSource& source : sources) {
      if (!naming || !source.name.ends_with(kWeight) || source.shape.size() < 2) continue;
      const auto place = naming(source.name.substr(0, source.name.size() - kWeight.size()));
      const std::string* id = place ? file->find(*place) : nullptr;
      if (!id) continue;
      merge_into(source, {file, *id, multiplier}, pipeline.path);
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
      merged_read(source, pipeline.path).type = scalar_type(source.dtype);
    }
  }
}

}  // namespace atelier
