// An adapter file, module by module: which there are, and each as an adapter when it is asked for.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "configs/base/safetensors.h"
#include "models/adapters/network_adapter.h"
#include "models/keys/adapter_alphas.h"
#include "models/keys/adapter_names.h"

namespace atelier {

/// kohya's, LyCORIS', PEFT's or diffusers' names; several kinds may stand in one file.
class AdapterFile {
 public:
  /// Reads the header alone. WeightsError for a file without adapters, one of another family of models (SD 1.5, Flux),
  /// and for two adapters of one module.
  explicit AdapterFile(const std::filesystem::path& path);

  const std::filesystem::path& path() const { return file_.path(); }
  /// module_id() of every module -> its name in the file.
  const std::map<std::string, std::string>& modules() const { return names_; }
  /// Tensors that are no part of an adapter that we know.
  const std::vector<std::string>& unknown_keys() const { return unknown_keys_; }

  /// The id in modules() by which the file has an adapter for this place, nullptr without. WeightsError for two.
  const std::string* find(const AdapterPlace& place) const;
  /// REQUIRES an id of modules(). WeightsError for tensors that do not go together.
  std::shared_ptr<NetworkAdapter> read(const std::string& id) const;

 private:
  SafetensorsFile file_;
  AdapterAlphas alphas_;
  std::map<std::string, std::string> names_;                                     // by id
  std::map<std::string, std::map<std::string, const SafeTensorInfo*>> tensors_;  // by id, by AdapterKey::tensor
  std::vector<std::string> unknown_keys_;
};

/// WeightsError "the adapter has another shape than ...", with what the file seems to be made for.
[[noreturn]] void throw_misfit(const std::string& name, const NetworkAdapter& adapter, const std::string& path,
                               at::IntArrayRef weight_shape, const std::string& file);

}  // namespace atelier
