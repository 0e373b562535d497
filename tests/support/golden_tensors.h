// Tensors that a golden file under tests/golden holds, made by another program (its README says which).
#pragma once

#include <filesystem>
#include <map>
#include <stdexcept>
#include <string>

#include "configs/base/safetensors.h"
#include "models/weights/weights.h"

namespace atelier {

class GoldenTensors {
 public:
  /// `name` under tests/golden.
  explicit GoldenTensors(const std::string& name) {
    const SafetensorsFile file(std::filesystem::path(ATELIER_TEST_DATA) / name);
    for (const SafeTensorInfo& info : file.tensors()) tensors_[info.name] = read_tensor(file, info);
  }

  const at::Tensor& operator[](const std::string& name) const {
    const auto found = tensors_.find(name);
    if (found == tensors_.end()) throw std::out_of_range("no golden tensor " + name);
    return found->second;
  }
  const std::map<std::string, at::Tensor>& all() const { return tensors_; }

 private:
  std::map<std::string, at::Tensor> tensors_;
};

/// L2 norm of the difference over the L2 norm of `expected`, in fp64.
inline double l2_error(const at::Tensor& actual, const at::Tensor& expected) {
  const at::Tensor reference = expected.to(at::kDouble);
  return ((actual.to(at::kDouble) - reference).norm() / reference.norm()).item<double>();
}

}  // namespace atelier
