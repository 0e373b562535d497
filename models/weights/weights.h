// Weight files <-> modules: safetensors, single or sharded, in a folder as diffusers and transformers write it.
#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "configs/base/safetensors.h"
#include "models/weights/tensor_source.h"

namespace atelier {

class Module;

/// Parameter name of a file's key. Empty: the key is known and not wanted (a buffer).
using KeyRule = std::function<std::string(std::string_view key)>;

/// The safetensors of a component folder: `NAME.safetensors`, or the shards of `NAME.safetensors.index.json`, NAME
/// being `diffusion_pytorch_model` or `model`, plain or with the `.fp16` variant. A path of a file is that file.
/// WeightsError if there is none.
std::vector<std::filesystem::path> weight_files(const std::filesystem::path& file_or_folder);

/// The tensors of those files under the names that `rule` gives them.
std::vector<TensorSource> stored_tensors(const std::filesystem::path& file_or_folder, const KeyRule& rule = {});

/// WeightsError, pointing at `path`, that names missing tensors, surplus ones, other shapes, integer types. A linear
/// weight may be stored as that of a 1x1 convolution.
void check_weights(const Module& module, const std::vector<TensorSource>& sources, const std::filesystem::path& path);

/// Fills every parameter, as fp32 on the CPU, after check_weights(). The pages of a file's tensor are given back as
/// soon as it is converted.
void load_weights(Module& module, const std::vector<TensorSource>& sources, const std::filesystem::path& path);
/// The same from stored_tensors().
void load_weights(Module& module, const std::filesystem::path& file_or_folder, const KeyRule& rule = {});

/// write_tensor_sources() of every parameter under its state-dict name. `dtype`: kF32, kF16 or kBF16.
void save_weights(const Module& module, const std::filesystem::path& file, SafeDtype dtype,
                  const std::map<std::string, std::string>& metadata = {});

/// The two names of one type.
at::ScalarType scalar_type(SafeDtype dtype);
SafeDtype safe_dtype(at::ScalarType type);

/// Whether none of the floating `values` is NaN or infinite. Waits for the device.
bool all_finite(const at::Tensor& values);

/// WeightsError for NaN or infinity among the floating `values` of the tensor `name` of `file`.
void require_finite(const at::Tensor& values, const std::string& name, const std::filesystem::path& file);

/// Copies `from` into `to`, of its shape. WeightsError, pointing at `where`, for a finite number that the type of `to`
/// has no place for: it would be infinite there, and the model would draw black pictures. What is no number stays none.
void copy_in_range(const at::Tensor& to, const at::Tensor& from, const std::string& where);

/// One tensor of a file as it is, on the CPU, its own copy.
at::Tensor read_tensor(const SafetensorsFile& file, const SafeTensorInfo& tensor);

/// Named tensors to a file, each in its own type.
void write_tensors(const std::filesystem::path& file, const std::vector<std::pair<std::string, at::Tensor>>& tensors,
                   const std::map<std::string, std::string>& metadata = {});

}  // namespace atelier
