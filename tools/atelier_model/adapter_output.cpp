#include "tools/atelier_model/adapter_output.h"

#include <ATen/ATen.h>

#include <CLI/CLI.hpp>

#include "configs/base/error.h"
#include "models/weights/weights.h"
#include "models/weights/write_tensor_sources.h"
#include "tools/atelier_model/model_output.h"
#include "tools/common/arguments.h"

namespace atelier {

void AdapterOutput::declare(CLI::App& app) {
  app.add_option("OUT", file, "NAME.safetensors")->required();
  add_dtype_option(app, dtype, "of the result (fp16)");
  app.add_flag("--overwrite", overwrite, "replace OUT if it exists");
}

void AdapterOutput::require_free() const {
  if (std::filesystem::path(file).extension() != ".safetensors") {
    throw ConfigError("an adapter file's name ends in .safetensors", file);
  }
  atelier::require_free(file, overwrite);
  require_parent(file);
}

TensorSource AdapterOutput::tensor(const at::Tensor& values, const std::string& name) const {
  const at::Tensor narrow = at::empty(values.sizes(), scalar_type(*dtype));
  copy_in_range(narrow, values, file + ": " + name);
  return tensor_at_hand(narrow, name);
}

void AdapterOutput::write(std::vector<TensorSource> tensors, std::map<std::string, std::string> metadata) const {
  WriteOptions options;
  options.metadata = std::move(metadata);
  options.hash = true;
  write_tensor_sources(file, std::move(tensors), options);
}

}  // namespace atelier
