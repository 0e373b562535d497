// One flat memory for everything that is trained: fp32 master weights, fp32 gradients and the compute copy; module
// parameters and their gradients are views of it. Optimizer, clipping, reduction and checkpoints work on the flat
// memory.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

namespace atelier {

/// What one part of the model trains: "unet", "text_encoder", "network". Parameters in forward order.
struct ParameterGroup {
  struct Parameter {
    std::string name;    // within the group: the state-dict name
    at::Tensor* tensor;  // in the module; replaced by a view of the store
  };

  std::string name;
  double learning_rate = 0;
  std::vector<Parameter> parameters;
};

class FlatStore {
 public:
  /// Elements: each parameter starts on such a boundary, so that ranges are aligned for any kernel and any number of
  /// processes that share them.
  static constexpr int64_t kAlignment = 256;

  struct Entry {
    std::string name;  // GROUP.PARAMETER
    int64_t group = 0;
    int64_t offset = 0;  // elements
    int64_t count = 0;
    std::vector<int64_t> shape;
    at::Tensor* tensor = nullptr;
  };

  /// Static stretch of the flat memory: what is reduced and stepped at once. Never across groups.
  struct Range {
    int64_t begin = 0, end = 0;  // elements
    int64_t group = 0;
    int64_t first_entry = 0, last_entry = 0;  // [first, last)
  };

  /// Moves the parameters' values to `device` and replaces every tensor by a view of type `compute_type` (kFloat, or
  /// kBFloat16 with an fp32 master beside it), requiring gradients. The layout is the reverse of the forward order, so
  /// that the first ranges are complete first in a backward pass; ranges hold about `range_bytes` of gradients.
  FlatStore(std::vector<ParameterGroup> groups, at::Device device, at::ScalarType compute_type, int64_t range_bytes);

  const std::vector<ParameterGroup>& groups() const { return groups_; }
  const std::vector<Entry>& entries() const { return entries_; }
  const std::vector<Range>& ranges() const { return ranges_; }
  int64_t size() const { return master_.numel(); }
  int64_t parameter_count() const;

  const at::Tensor& master() const { return master_; }      // [size] fp32
  const at::Tensor& gradient() const { return gradient_; }  // [size] fp32

  void zero_gradient();
  /// After a change of the master weights.
  void refresh_compute();
  /// Makes the parameters fp32 views of the master weights, so that what is saved of them is not rounded to the compute
  /// type. No training after it.
  void expose_master();
  /// [entry.shape], a view of flat memory of this layout.
  static at::Tensor view(const at::Tensor& flat, const Entry& entry);

 private:
  void lay_out();
  void cut_ranges(int64_t range_bytes);
  void bind();

  std::vector<ParameterGroup> groups_;
  std::vector<Entry> entries_;
  std::vector<Range> ranges_;
  at::Tensor master_, gradient_;
  at::Tensor compute_;  // the same memory as master_ where the type is fp32
};

}  // namespace atelier
