// Adapters of a whole model: put beside its projections, trained, saved and read, with kohya's names
// (docs/formats/lora_keys.md).
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "configs/base/safetensors.h"
#include "models/adapters/adapter_file.h"
#include "models/adapters/network_adapter.h"
#include "models/keys/adapter_names.h"
#include "models/options/network_options.h"

namespace atelier {

/// A module whose parameters are named as in a file ("lora_unet_..._to_q.lora_down.weight"): the trainer sees it like
/// any model. Several kinds of adapters may be in one network. It points at the projections that it was put beside:
/// those functions that use them are for while the model lives.
class AdapterNetwork : public Module {
 public:
  /// Empty; inject() fills it.
  AdapterNetwork() = default;
  /// The adapters of a file (kinds, ranks and alphas may differ by module), attached to nothing yet. `multiplier` is
  /// the strength people type. WeightsError as AdapterFile.
  static std::unique_ptr<AdapterNetwork> load(const std::filesystem::path& file, double multiplier = 1);

  /// Puts a new adapter beside every target of `model`; values come from initialize_adapters() or load_weights().
  void inject(Module& model, const LoraNaming& naming, const NetworkOptions& options);
  /// initialize(*this, seed), and what begins at the weights' values (DoRA's magnitudes).
  void initialize_adapters(uint64_t seed);

  /// Puts the loaded adapters beside the projections they name. Returns how many found their place; WeightsError if a
  /// shape does not fit.
  int64_t attach(Module& model, const LoraNaming& naming);
  /// The loaded adapters that no model has taken, as their file names them.
  std::vector<std::string> unattached() const;
  /// Tensors of the file that are no part of an adapter that we know. REQUIRES load().
  const std::vector<std::string>& unknown_keys() const { return file_->unknown_keys(); }

  /// Writes every adapter. `dtype`: kF32, kF16 or kBF16.
  void save(const std::filesystem::path& file, SafeDtype dtype,
            const std::map<std::string, std::string>& metadata = {}) const;
  /// What stands in a file beside the parameters: "NAME.alpha".
  std::vector<std::pair<std::string, at::Tensor>> constants() const;

  int64_t size() const { return static_cast<int64_t>(adapters_.size()); }

 private:
  struct Entry {
    std::shared_ptr<NetworkAdapter> adapter;
    Projection* projection;
  };
  struct Loaded {
    std::string name;  // in the file
    std::shared_ptr<NetworkAdapter> adapter;
  };

  void place(const std::string& name, std::shared_ptr<NetworkAdapter> adapter, Projection& projection);

  std::map<std::string, Entry> adapters_;  // by kohya's name: those with a place
  std::unique_ptr<AdapterFile> file_;      // of load()
  std::map<std::string, Loaded> loaded_;   // by module_id(): those without one yet
};

}  // namespace atelier
