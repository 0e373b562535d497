// The adapter file that `model extract-lora` and `model resize-lora` write.
#pragma once

#include <ATen/core/Tensor.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "models/weights/tensor_source.h"

namespace CLI {
class App;
}

namespace atelier {

struct AdapterOutput {
  std::string file;
  std::optional<SafeDtype> dtype = SafeDtype::kF16;
  bool overwrite = false;

  /// OUT, --dtype and --overwrite.
  void declare(CLI::App& app);
  /// ConfigError for a name that is taken, does not end in .safetensors, or whose folder does not exist.
  void require_free() const;
  /// In the output's type: what is kept until all is written.
  TensorSource tensor(const at::Tensor& values, const std::string& name) const;
  /// With the hash that ModelSpec and the web UIs want.
  void write(std::vector<TensorSource> tensors, std::map<std::string, std::string> metadata) const;
};

}  // namespace atelier
