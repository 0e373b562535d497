// What every kind of adapter in a network has: an alpha, a strength, and on wish a weight decomposition (DoRA).
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "models/layers/projection.h"

namespace atelier {

/// How large a new adapter is.
struct AdapterSize {
  int64_t rank = 16;
  double alpha = 16;
  int64_t factor = -1;  // LoKr's
};

/// The tensors of one module of an adapter file, fp32 on the CPU.
struct AdapterParts {
  std::string module;                         // as the file names it
  std::string file;                           // for messages
  std::map<std::string, at::Tensor> tensors;  // by AdapterKey::tensor, alpha not among them
  std::optional<double> alpha;                // absent: the rank
  double whole_scale = 1;                     // of factors that have no rank (AdapterAlphas::whole_scale)

  bool has(const std::string& tensor) const { return tensors.contains(tensor); }
  /// WeightsError where it is not there.
  const at::Tensor& at(const std::string& tensor) const;
  /// WeightsError "the tensors of ... do not go together" unless `fits`.
  void require(bool fits) const;
};

/// W + multiplier * difference, or its weight decomposition.
class NetworkAdapter : public Adapter {
 public:
  /// [out, in] or [out, in, kh, kw]: alpha / rank times the product of the factors; differentiable. REQUIRES
  /// fits_shape(weight_shape).
  virtual at::Tensor difference(at::IntArrayRef weight_shape) const = 0;

  bool fits(const Projection& projection) const final { return fits_shape(projection.weight().sizes()); }
  /// 1x1 convolutions and linear layers of the same sides are one.
  bool fits_shape(at::IntArrayRef weight_shape) const;
  /// The difference is computed in the parameters' type, the sum in the weight's (a decomposition in fp32 at least).
  at::Tensor adapted_weight(const at::Tensor& weight) const final;
  bool acts_on_output() const final { return !decomposes() && has_delta(); }

  int64_t rank() const { return rank_; }
  double alpha() const { return alpha_; }
  double multiplier() const { return multiplier_; }
  void set_multiplier(double multiplier) { multiplier_ = multiplier; }

  /// Adds `dora_scale` for a weight of this shape. Its values come from begin_at().
  void decompose(at::IntArrayRef weight_shape);
  bool decomposes() const { return dora_scale_.defined(); }
  /// Sets what begins at the weight's values: dora_scale at its norms.
  void begin_at(const at::Tensor& weight);

  /// What a file holds of it, `alpha` among them, in fp32. Kinds that LyCORIS scales twice when it merges are written
  /// with the scale in their factors and alpha = rank.
  std::vector<std::pair<std::string, at::Tensor>> file_tensors() const;
  /// The shape of the weight it was made for, as far as the factors tell: "[640, 320]".
  virtual std::string shape_text() const = 0;

  /// Whether add_to_rows() is there: every row of the merged weight needs that row of the weight alone.
  virtual bool adds_rows() const { return false; }
  /// Adds multiplier * difference, in place, to `rows` [n, ...] of the weight, in fp32 or fp64, the first of which is
  /// row `first`.
  virtual void add_to_rows(at::Tensor& rows, int64_t first) const;

 protected:
  NetworkAdapter(int64_t rank, double alpha) : rank_(rank), alpha_(alpha) {}
  /// Of a file: alpha and dora_scale.
  NetworkAdapter(int64_t rank, const AdapterParts& parts);

  /// weight + multiplier * difference, in the weight's type.
  virtual at::Tensor sum_with(const at::Tensor& weight) const;
  virtual bool factors_fit(at::IntArrayRef weight_shape) const = 0;
  /// Whether delta() is there.
  virtual bool has_delta() const { return false; }
  /// The parameter that takes the scale when it is written; empty: alpha is written as it is.
  virtual std::string scaled_parameter() const { return {}; }

  double scale() const { return alpha_ / static_cast<double>(rank_); }
  /// alpha does not count (LoKr of two whole factors).
  void ignore_alpha() { alpha_ = static_cast<double>(rank_); }
  /// Registers the parameter `name` with a file's values.
  void own(const std::string& name, at::Tensor& member, const AdapterParts& parts);

 private:
  int64_t rank_;
  double alpha_;
  double multiplier_ = 1;
  /// [out, 1(, 1, 1)], or [1, in(, 1, 1)] in files of old versions of LyCORIS; undefined without.
  at::Tensor dora_scale_;
};

}  // namespace atelier
