#include "models/weights/weights.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <stdexcept>

#include "configs/base/atomic_file.h"
#include "configs/base/error.h"
#include "configs/base/text.h"
#include "models/module.h"
#include "models/weights/write_tensor_sources.h"

namespace atelier {
namespace {

namespace fs = std::filesystem;

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

/// "a, b, c and 4 more"
std::string listed(const std::vector<std::string>& names) {
  constexpr size_t kMost = 12;
  const std::vector<std::string> shown(names.begin(), names.begin() + std::min(names.size(), kMost));
  return names.size() <= kMost ? join(shown, ", ") : text(join(shown, ", "), " and ", names.size() - kMost, " more");
}

/// A linear weight may be stored as that of a 1x1 convolution: the VAE's attention in sgm's and older files.
bool fits(const TensorSource& source, at::IntArrayRef wanted) {
  const at::IntArrayRef stored = source.shape;
  const bool pointwise = stored.size() == 4 && stored[2] == 1 && stored[3] == 1 && wanted.size() == 2;
  return is_floating(source.dtype) && wanted == (pointwise ? stored.slice(0, 2) : stored);
}

/// Whether none of `count` numbers in half precision has all bits of the exponent set, as NaN and infinity have.
bool finite_halves(const int16_t* bits, int64_t count) {
  using Halves [[gnu::vector_size(16)]] = int16_t;  // the compiler takes longer ones apart, number by number
  constexpr int64_t kAtOnce = sizeof(Halves) / sizeof(int16_t);
  constexpr int16_t kExponent = 0x7c00;
  Halves found = {};
  int64_t i = 0;
  for (; i + kAtOnce <= count; i += kAtOnce) {
    Halves some;
    std::memcpy(&some, bits + i, sizeof some);
    found |= (some & kExponent) == kExponent;
  }
  bool all = true;
  for (int64_t lane = 0; lane < kAtOnce; ++lane) all &= found[lane] == 0;
  for (; i < count; ++i) all &= (bits[i] & kExponent) != kExponent;
  return all;
}

/// Reads, checks and converts `source` into a new `parameter`.
void fill(at::Tensor& parameter, const TensorSource& source, const fs::path& path) {
  at::Tensor values = at::empty(parameter.sizes(), at::kFloat);
  values.copy_(source.read().view(parameter.sizes()));
  if (source.release) source.release();
  require_finite(values, source.name, path);
  parameter = values.set_requires_grad(parameter.requires_grad());
}

/// The largest number of a type; infinite for those that nothing is too large for.
double largest_of(at::ScalarType type) {
  switch (type) {
    case at::kFloat: return std::numeric_limits<float>::max();
    case at::kHalf: return std::numeric_limits<c10::Half>::max();
    case at::kBFloat16: return std::numeric_limits<c10::BFloat16>::max();
    case at::kFloat8_e4m3fn: return std::numeric_limits<c10::Float8_e4m3fn>::max();
    case at::kFloat8_e5m2: return std::numeric_limits<c10::Float8_e5m2>::max();
    default: return std::numeric_limits<double>::infinity();
  }
}

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

std::vector<TensorSource> stored_tensors(const fs::path& file_or_folder, const KeyRule& rule) {
  std::vector<TensorSource> sources;
  for (const fs::path& path : weight_files(file_or_folder)) {
    const auto file = std::make_shared<const SafetensorsFile>(path);
    for (const SafeTensorInfo& info : file->tensors()) {
      std::string name = rule ? rule(info.name) : info.name;
      if (!name.empty()) sources.push_back(tensor_of_file(file, info, std::move(name)));
    }
  }
  return sources;
}

void check_weights(const Module& module, const std::vector<TensorSource>& sources, const fs::path& path) {
  std::map<std::string, std::vector<int64_t>> missing;
  module.for_each_parameter(Module::ConstVisit(
      [&](const std::string& name, const at::Tensor& tensor) { missing.emplace(name, tensor.sizes().vec()); }));
  std::vector<std::string> surplus, misfits, faults;
  for (const TensorSource& source : sources) {
    const auto found = missing.find(source.name);
    if (found == missing.end()) {
      surplus.push_back(source.name);
      continue;
    }
    const at::IntArrayRef wanted = found->second;
    if (!fits(source, wanted))
      misfits.push_back(text(source.name, " is ", describe_tensor(source), ", wanted ", wanted));
    missing.erase(found);
  }
  std::vector<std::string> absent;
  for (const auto& [name, shape] : missing) absent.push_back(name);
  if (!absent.empty()) faults.push_back(text(absent.size(), " tensors are missing: ", listed(absent)));
  if (!surplus.empty())
    faults.push_back(text(surplus.size(), " tensors have no place in the model: ", listed(surplus)));
  if (!misfits.empty()) faults.push_back(text("wrong shape or type: ", listed(misfits)));
  if (faults.empty()) return;
  throw WeightsError(text("the weights do not fit the model; ", join(faults, "; ")), path.string(),
                     "check that the configuration and the weights belong together");
}

void load_weights(Module& module, const std::vector<TensorSource>& sources, const fs::path& path) {
  check_weights(module, sources, path);
  const at::NoGradGuard no_grad;
  std::map<std::string, at::Tensor*> parameters;
  module.for_each_parameter(
      Module::Visit([&](const std::string& name, at::Tensor& tensor) { parameters.emplace(name, &tensor); }));
  // Whole tensors in parallel: the conversion from half precision is one thread's work, and so are the page faults.
  std::atomic<size_t> next = 0;
  at::parallel_for(0, at::get_num_threads(), 1, [&](int64_t, int64_t) {
    const at::NoGradGuard none_here;  // the mode is a thread's own
    for (size_t i = next++; i < sources.size(); i = next++) {
      fill(*parameters.at(sources[i].name), sources[i], path);
    }
  });
}

void load_weights(Module& module, const fs::path& file_or_folder, const KeyRule& rule) {
  load_weights(module, stored_tensors(file_or_folder, rule), file_or_folder);
}

void save_weights(const Module& module, const fs::path& file, SafeDtype dtype,
                  const std::map<std::string, std::string>& metadata) {
  WriteOptions options;
  options.dtype = dtype;
  options.metadata = metadata;
  write_tensor_sources(file, tensors_of_module(module), options);
}

bool all_finite(const at::Tensor& values) {
  const at::NoGradGuard no_grad;
  if (values.scalar_type() == at::kHalf && values.device().is_cpu() && values.is_contiguous()) {
    return finite_halves(static_cast<const int16_t*>(values.const_data_ptr()), values.numel());
  }
  // One sum tells nearly always: it is finite when they all are.
  return std::isfinite(values.sum(at::kFloat).item<double>()) || at::isfinite(values).all().item<bool>();
}

void require_finite(const at::Tensor& values, const std::string& name, const fs::path& file) {
  if (all_finite(values)) return;
  const int64_t faulty = at::isfinite(values).logical_not().sum().item<int64_t>();
  throw WeightsError(text(faulty, " of its ", values.numel(), " numbers are none (NaN or infinite)"),
                     text(file.string(), ": ", name), "the file is broken: fetch it again, or take an earlier save");
}

void copy_in_range(const at::Tensor& to, const at::Tensor& from, const std::string& where) {
  to.copy_(from);
  const double largest = largest_of(to.scalar_type());
  if (from.numel() == 0 || largest >= largest_of(from.scalar_type())) return;
  if (to.scalar_type() == at::kHalf && all_finite(to)) return;
  const auto [low, high] = at::aminmax(from);
  if (low.item<double>() >= -largest && high.item<double>() <= largest) return;  // false where one is NaN
  const at::Tensor kept = at::isfinite(to.to(at::kFloat));
  const at::Tensor lost = from.masked_select(at::isfinite(from).logical_and(kept.logical_not()));
  if (lost.numel() == 0) return;
  throw WeightsError(text("holds ", lost.abs().max().item<double>(), ", too large for ",
                          safe_dtype_name(safe_dtype(to.scalar_type()))),
                     where, "take bf16 or fp32: --dtype, or in training save.precision");
}

at::Tensor read_tensor(const SafetensorsFile& file, const SafeTensorInfo& tensor) {
  void* const data = const_cast<std::byte*>(file.bytes(tensor).data());
  return at::from_blob(data, tensor.shape, at::TensorOptions().dtype(scalar_type(tensor.dtype))).clone();
}

void write_tensors(const fs::path& file, const std::vector<std::pair<std::string, at::Tensor>>& tensors,
                   const std::map<std::string, std::string>& metadata) {
  std::vector<SafeTensorInfo> infos;
  for (const auto& [name, tensor] : tensors) {
    infos.push_back({.name = name, .dtype = safe_dtype(tensor.scalar_type()), .shape = tensor.sizes().vec()});
  }
  SafetensorsWriter writer(file, std::move(infos), metadata);
  for (const auto& [name, tensor] : tensors) writer.write(tensor_bytes(tensor.detach().cpu().contiguous()));
  writer.finish();
}

}  // namespace atelier
