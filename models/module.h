// The tree of parameters: a small registry over ATen in place of torch::nn. The names that come out of the tree are
// diffusers' and transformers' state-dict names, so weight files need no mapping.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace atelier {

/// The distribution a parameter is drawn from when a model is trained from scratch.
struct Init {
  enum class Kind { kConstant, kUniform, kNormal };

  Kind kind = Kind::kConstant;
  double scale = 0;  // the constant; U(-scale, scale); N(0, scale^2)

  static Init constant(double value) { return {Kind::kConstant, value}; }
  static Init uniform(double bound) { return {Kind::kUniform, bound}; }
  static Init normal(double deviation) { return {Kind::kNormal, deviation}; }
  /// U(-1/sqrt(fan_in), 1/sqrt(fan_in)): what kaiming_uniform(a=sqrt(5)) gives, PyTorch's default of linear and
  /// convolution weights and biases.
  static Init fan_in(int64_t fan_in);
};

/// A node of the tree. Subclasses hold their tensors and children as members and register them in the constructor.
/// The registry points at the members, so a module is neither copied nor moved (lists hold std::unique_ptr).
///
/// A parameter is a tensor on the meta device (shape only) until initialize() or load_weights() gives it values.
/// Whoever owns the memory may put another tensor of the same shape in its place at any time (a view into a flat
/// store).
class Module {
 public:
  using Visit = std::function<void(const std::string& name, at::Tensor& tensor)>;
  using ConstVisit = std::function<void(const std::string& name, const at::Tensor& tensor)>;

  Module() = default;
  virtual ~Module() = default;
  Module(const Module&) = delete;
  Module& operator=(const Module&) = delete;

  /// Every parameter of the tree with its state-dict name ("down_blocks.0.resnets.1.conv1.weight"), in the order of
  /// registration, which is the order of use in forward. Adapters are no part of the tree.
  void for_each_parameter(const Visit& visit);
  void for_each_parameter(const ConstVisit& visit) const;

  /// Every module of the tree with its path, parents first; the root's path is empty.
  void for_each_module(const std::function<void(const std::string& path, Module& module)>& visit);

  /// Replaces the distribution of one of this module's own parameters. REQUIRES that it is registered.
  void set_init(const std::string& parameter, Init init);

  /// Sets requires_grad of every parameter. Parameters start without it.
  void set_requires_grad(bool requires_grad);

  /// Moves the parameters that require no gradient. Those that do are left where they are: their memory belongs to
  /// whoever trains them. Adapters are no part of the tree and are placed through their network.
  void place_frozen(at::Device device, at::ScalarType type);

  int64_t parameter_count() const;

  friend void initialize(Module& module, uint64_t seed);

 protected:
  /// Registers the member `tensor`, which becomes a meta tensor of `shape`.
  void add_parameter(std::string name, at::Tensor& tensor, std::vector<int64_t> shape, Init init);
  /// Registers a member; `name` may be dotted ("resnets.0").
  void add_child(std::string name, Module& child);

 private:
  struct Parameter {
    std::string name;
    at::Tensor* tensor;
    Init init;
  };
  struct Child {
    std::string name;
    Module* module;
  };

  void visit_parameters(const std::string& prefix,
                        const std::function<void(const std::string&, const Parameter&)>& visit) const;
  void visit_modules(const std::string& path, const std::function<void(const std::string&, Module&)>& visit);

  std::vector<Parameter> parameters_;
  std::vector<Child> children_;
};

/// Draws every parameter from its distribution, fp32 on the CPU, keyed by (seed, "init", hash of its name): the same
/// values on any machine, whatever else the model holds.
void initialize(Module& module, uint64_t seed);

}  // namespace atelier
