#include "models/weights/weights.h"

#include <ATen/ATen.h>

#include <nlohmann/json.hpp>
#include <set>
#include <stdexcept>

#include "configs/base/atomic_file.h"
#include "configs/base/error.h"
#include "configs/base/text.h"
#include "models/module.h"

namespace atelier {
namespace {

namespace fs = std::filesystem;

/// The file's bytes as a tensor; they must outlive it, and nobody may write to it.
at::Tensor view_of(const SafetensorsFile& file, const SafeTensorInfo& tensor) {
  void* data = const_cast<std::byte*>(file.bytes(tensor).data());
  return at::from_blob(data, tensor.shape, at::TensorOptions().dtype(scalar_type(tensor.dtype)));
}

std::span<const std::byte> bytes_of(const at::Tensor& contiguous) {
  return {static_cast<const std::byte*>(contiguous.const_data_ptr()), contiguous.nbytes()};
}

/// The shards that an index lists, each once.
std::vector<fs::path> indexed_files(const fs::path& index) {
  const auto parsed = nlohmann::json::parse(read_file(index), nullptr, /*allow_exceptions=*/false);
  if (!parsed.is_object() || !parsed.contains("weight_map") || !parsed["weight_map"].is_object()) {
    throw WeightsError("the index has no weight_map", index.string());
  }
  std::set<fs::path> files;
  for (const auto& [key, file] : parsed["weight_map"].items()) {
    if (!file.is_string()) throw WeightsError(text("weight_map: no file name for ", key), index.string());
    files.insert(index.parent_path() / fs::path(file.get<std::string>()).filename());
  }
  return {files.begin(), files.end()};
}

std::string shape_text(at::IntArrayRef shape) {
  std::vector<std::string> sides;
  for (const int64_t side : shape) sides.push_back(std::to_string(side));
  return text('[', join(sides, ", "), ']');
}

/// "a, b, c and 4 more"
std::string listed(const std::vector<std::string>& names) {
  constexpr size_t kMost = 12;
  const std::vector<std::string> shown(names.begin(), names.begin() + std::min(names.size(), kMost));
  return names.size() <= kMost ? join(shown, ", ") : text(join(shown, ", "), " and ", names.size() - kMost, " more");
}

/// Fills a module's parameters one file after another and keeps account of what is missing, surplus or misshapen.
class WeightLoader {
 public:
  explicit WeightLoader(Module& module) {
    module.for_each_parameter([&](const std::string& name, at::Tensor& tensor) { missing_.emplace(name, &tensor); });
  }

  void add(const fs::path& path, const KeyRule& rule) {
    const SafetensorsFile file(path);
    for (const SafeTensorInfo& tensor : file.tensors()) {
      const std::string name = rule ? rule(tensor.name) : tensor.name;
      if (name.empty()) continue;
      const auto found = missing_.find(name);
      if (found == missing_.end()) {
        surplus_.push_back(tensor.name);
        continue;
      }
      if (check(file, tensor, *found->second)) *found->second = values(file, tensor, *found->second);
      missing_.erase(found);
    }
  }

  void finish(const fs::path& path) const {
    std::vector<std::string> faults;
    if (!missing_.empty()) {
      std::vector<std::string> names;
      for (const auto& [name, tensor] : missing_) names.push_back(name);
      faults.push_back(text(names.size(), " tensors are missing: ", listed(names)));
    }
    if (!surplus_.empty()) {
      faults.push_back(text(surplus_.size(), " tensors have no place in the model: ", listed(surplus_)));
    }
    if (!misshapen_.empty()) faults.push_back(text("wrong shape or type: ", listed(misshapen_)));
    if (faults.empty()) return;
    throw WeightsError(text("the weights do not fit the model; ", join(faults, "; ")), path.string(),
                       "check that config.json and the weights belong together");
  }

 private:
  /// A linear weight may be stored as that of a 1x1 convolution: the VAE's attention in sgm's and older files.
  static bool same_shape(at::IntArrayRef stored, at::IntArrayRef wanted) {
    const bool pointwise = stored.size() == 4 && stored[2] == 1 && stored[3] == 1 && wanted.size() == 2;
    return wanted == (pointwise ? stored.slice(0, 2) : stored);
  }

  bool check(const SafetensorsFile& file, const SafeTensorInfo& tensor, const at::Tensor& wanted) {
    const bool floating = at::isFloatingType(scalar_type(tensor.dtype));
    if (floating && same_shape(tensor.shape, wanted.sizes())) return true;
    misshapen_.push_back(text(tensor.name, " is ", safe_dtype_name(tensor.dtype), ' ', shape_text(tensor.shape), " in ",
                              file.path().filename().string(), ", wanted ", shape_text(wanted.sizes())));
    return false;
  }

  static at::Tensor values(const SafetensorsFile& file, const SafeTensorInfo& tensor, const at::Tensor& wanted) {
    at::Tensor copy = at::empty(wanted.sizes(), at::kFloat);
    copy.copy_(view_of(file, tensor).view(wanted.sizes()));
    file.drop_pages(tensor);
    return copy.set_requires_grad(wanted.requires_grad());
  }

  std::map<std::string, at::Tensor*> missing_;
  std::vector<std::string> surplus_, misshapen_;
};

}  // namespace

at::ScalarType scalar_type(SafeDtype dtype) {
  switch (dtype) {
    case SafeDtype::kF64: return at::kDouble;
    case SafeDtype::kF32: return at::kFloat;
    case SafeDtype::kF16: return at::kHalf;
    case SafeDtype::kBF16: return at::kBFloat16;
    case SafeDtype::kF8E4M3: return at::kFloat8_e4m3fn;
    case SafeDtype::kF8E5M2: return at::kFloat8_e5m2;
    case SafeDtype::kI64: return at::kLong;
    case SafeDtype::kI32: return at::kInt;
    case SafeDtype::kI16: return at::kShort;
    case SafeDtype::kI8: return at::kChar;
    case SafeDtype::kU8: return at::kByte;
    case SafeDtype::kBool: return at::kBool;
  }
  throw std::logic_error("scalar_type: unknown SafeDtype");
}

SafeDtype safe_dtype(at::ScalarType type) {
  for (const SafeDtype dtype :
       {SafeDtype::kF64, SafeDtype::kF32, SafeDtype::kF16, SafeDtype::kBF16, SafeDtype::kF8E4M3, SafeDtype::kF8E5M2,
        SafeDtype::kI64, SafeDtype::kI32, SafeDtype::kI16, SafeDtype::kI8, SafeDtype::kU8, SafeDtype::kBool}) {
    if (scalar_type(dtype) == type) return dtype;
  }
  throw std::logic_error("safe_dtype: a type that safetensors does not have");
}

std::vector<fs::path> weight_files(const fs::path& file_or_folder) {
  if (!fs::is_directory(file_or_folder)) {
    if (!fs::exists(file_or_folder)) throw WeightsError("no such file or folder", file_or_folder.string());
    return {file_or_folder};
  }
  for (const char* name : {"diffusion_pytorch_model", "model"}) {
    for (const char* variant : {"", ".fp16"}) {
      const fs::path whole = file_or_folder / text(name, variant, ".safetensors");
      if (fs::exists(whole)) return {whole};
      const fs::path index = file_or_folder / text(name, ".safetensors.index", variant, ".json");
      if (fs::exists(index)) return indexed_files(index);
    }
  }
  throw WeightsError("no weights in this folder", file_or_folder.string(),
                     "wanted: diffusion_pytorch_model.safetensors or model.safetensors, or their .index.json");
}

void load_weights(Module& module, const fs::path& file_or_folder, const KeyRule& rule) {
  const at::NoGradGuard no_grad;
  WeightLoader loader(module);
  for (const fs::path& file : weight_files(file_or_folder)) loader.add(file, rule);
  loader.finish(file_or_folder);
}

void save_weights(const Module& module, const fs::path& file, SafeDtype dtype,
                  const std::map<std::string, std::string>& metadata) {
  std::vector<SafeTensorInfo> infos;
  module.for_each_parameter([&](const std::string& name, const at::Tensor& tensor) {
    infos.push_back({.name = name, .dtype = dtype, .shape = tensor.sizes().vec()});
  });
  const at::NoGradGuard no_grad;
  SafetensorsWriter writer(file, std::move(infos), metadata);
  module.for_each_parameter([&](const std::string&, const at::Tensor& tensor) {
    const at::Tensor copy = tensor.detach().to(at::kCPU, scalar_type(dtype)).contiguous();
    writer.write(bytes_of(copy));
  });
  writer.finish();
}

at::Tensor read_tensor(const SafetensorsFile& file, const SafeTensorInfo& tensor) {
  return view_of(file, tensor).clone();
}

void write_tensors(const fs::path& file, const std::vector<std::pair<std::string, at::Tensor>>& tensors,
                   const std::map<std::string, std::string>& metadata) {
  std::vector<SafeTensorInfo> infos;
  for (const auto& [name, tensor] : tensors) {
    infos.push_back({.name = name, .dtype = safe_dtype(tensor.scalar_type()), .shape = tensor.sizes().vec()});
  }
  SafetensorsWriter writer(file, std::move(infos), metadata);
  for (const auto& [name, tensor] : tensors) writer.write(bytes_of(tensor.detach().cpu().contiguous()));
  writer.finish();
}

}  // namespace atelier
