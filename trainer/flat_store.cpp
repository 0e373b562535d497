#include "trainer/flat_store.h"

#include <ATen/ATen.h>

#include "configs/base/error.h"

namespace atelier {
namespace {

int64_t aligned(int64_t count) {
  return (count + FlatStore::kAlignment - 1) / FlatStore::kAlignment * FlatStore::kAlignment;
}

}  // namespace

FlatStore::FlatStore(std::vector<ParameterGroup> groups, at::Device device, at::ScalarType compute_type,
                     int64_t range_bytes)
    : groups_(std::move(groups)) {
  lay_out();
  if (entries_.empty())
    throw ConfigError("nothing is trained", "train", "give at least one part a learning rate above 0");
  cut_ranges(range_bytes);
  const int64_t size = entries_.back().offset + aligned(entries_.back().count);
  const auto options = at::TensorOptions().device(device).dtype(at::kFloat);
  master_ = at::zeros({size}, options);
  gradient_ = at::zeros({size}, options);
  compute_ = compute_type == at::kFloat ? master_ : at::zeros({size}, options.dtype(compute_type));
  bind();
}

void FlatStore::lay_out() {
  int64_t offset = 0;
  for (int64_t g = static_cast<int64_t>(groups_.size()) - 1; g >= 0; --g) {
    const ParameterGroup& group = groups_[static_cast<size_t>(g)];
    for (auto parameter = group.parameters.rbegin(); parameter != group.parameters.rend(); ++parameter) {
      Entry entry{group.name + "." + parameter->name,
                  g,
                  offset,
                  parameter->tensor->numel(),
                  parameter->tensor->sizes().vec(),
                  parameter->tensor};
      offset += aligned(entry.count);
      entries_.push_back(std::move(entry));
    }
  }
}

void FlatStore::cut_ranges(int64_t range_bytes) {
  for (size_t i = 0; i < entries_.size(); ++i) {
    const Entry& entry = entries_[i];
    const int64_t index = static_cast<int64_t>(i);
    const int64_t end = entry.offset + aligned(entry.count);
    const int64_t bytes = ranges_.empty() ? 0 : (end - ranges_.back().begin) * static_cast<int64_t>(sizeof(float));
    if (ranges_.empty() || ranges_.back().group != entry.group || bytes > range_bytes) {
      ranges_.push_back({entry.offset, end, entry.group, index, index + 1});
    } else {
      ranges_.back().end = end;
      ranges_.back().last_entry = index + 1;
    }
  }
}

void FlatStore::bind() {
  const at::NoGradGuard no_grad;
  for (const Entry& entry : entries_) {
    view(master_, entry).copy_(*entry.tensor);
  }
  refresh_compute();
  for (const Entry& entry : entries_) {
    at::Tensor parameter = view(compute_, entry).detach();
    if (compute_.scalar_type() != at::kFloat) parameter.set_grad_dtype(at::kFloat);
    parameter.set_requires_grad(true);
    parameter.mutable_grad() = view(gradient_, entry);
    *entry.tensor = std::move(parameter);
  }
}

int64_t FlatStore::parameter_count() const {
  int64_t count = 0;
  for (const Entry& entry : entries_) count += entry.count;
  return count;
}

void FlatStore::zero_gradient() { gradient_.zero_(); }

void FlatStore::refresh_compute() {
  if (compute_.is_same(master_)) return;
  const at::NoGradGuard no_grad;
  compute_.copy_(master_);
}

void FlatStore::expose_master() {
  for (const Entry& entry : entries_) *entry.tensor = view(master_, entry).detach();
}

at::Tensor FlatStore::view(const at::Tensor& flat, const Entry& entry) {
  return flat.narrow(0, entry.offset, entry.count).view(entry.shape);
}

}  // namespace atelier
