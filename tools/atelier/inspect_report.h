// What `model inspect` finds in a weight file or a model folder, before it is shown as a table or as JSON.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "configs/base/safetensors.h"
#include "models/keys/adapter_summary.h"
#include "models/keys/model_kind.h"
#include "tools/atelier/tensor_check.h"

namespace atelier {

struct InspectArguments {
  std::string path;
  bool json = false, hash = false, tensors = false, check = false;
};

struct FileHashes {
  std::string whole;                 // SHA-256 of the file
  std::string data;                  // SHA-256 of everything after the header: sshs_model_hash, modelspec.hash_sha256
  std::optional<bool> data_as_said;  // whether the metadata's own hash is right; nullopt: they have none

  std::string short_whole() const { return whole.substr(0, 10); }  // what the web UIs show of a checkpoint (AutoV2)
  std::string short_data() const { return data.substr(0, 12); }    // and of a LoRA (AutoV3)
};

struct ComponentSize {
  int64_t tensors = 0, parameters = 0;
};

struct FileReport {
  std::string name;
  ModelKind kind;
  std::string made_for;  // ModelKind::family, else what the metadata say; may be empty
  int64_t tensors = 0, parameters = 0;
  uint64_t bytes = 0;
  std::map<std::string, int64_t> dtypes;                          // tensors by type
  std::vector<std::pair<std::string, ComponentSize>> components;  // of a whole checkpoint
  AdapterSummary adapter;
  std::string prediction_type;  // "epsilon", "v_prediction"; empty where the file does not say
  bool zero_terminal_snr = false;
  std::map<std::string, std::string> metadata;
  std::optional<FileHashes> hashes;                // --hash
  std::optional<std::vector<TensorFault>> faults;  // --check
  std::vector<SafeTensorInfo> tensor_list;         // --tensors
};

struct ModelReport {
  std::string path, kind;
  std::optional<std::string> class_name;          // of a folder's configuration
  std::map<std::string, std::string> components;  // of a pipeline folder: name, class
  bool is_pipeline = false;
  std::vector<FileReport> files;

  int64_t parameters() const;
};

/// Headers are read, and bytes where --hash or --check want them. WeightsError for what is no model, and for shards
/// that an index lists and the folder lacks.
ModelReport inspect_path(const InspectArguments& arguments);

/// A table of at most 80 columns on stdout (names of tensors are never cut).
void print_table(const ModelReport& model);

}  // namespace atelier
