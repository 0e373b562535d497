#include "models/adapters/extract_lora.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <map>
#include <string_view>

#include "configs/base/error.h"
#include "configs/base/hash.h"
#include "configs/base/interrupt.h"
#include "configs/base/random.h"
#include "configs/base/text.h"
#include "models/keys/adapter_names.h"
#include "models/weights/weights.h"

namespace atelier {
namespace {

constexpr std::string_view kWeightSuffix = ".weight";

/// 0: nothing is extracted there.
int64_t rank_at(const AdapterPlace& place, const std::vector<int64_t>& shape, const ExtractOptions& options) {
  int64_t rank = 0;
  if (place.target == AdapterPlace::Target::kTransformer) rank = options.rank;
  if (place.target == AdapterPlace::Target::kResnet && options.conv_rank > 0) {
    rank = is_spatial(shape) ? options.conv_rank : options.rank;
  }
  int64_t inputs = 1;
  for (size_t i = 1; i < shape.size(); ++i) inputs *= shape[i];
  return std::min({rank, shape[0], inputs});
}

at::Tensor difference(const TensorSource& base, const TensorSource& tuned) {
  at::Tensor values = tuned.read().to(at::kFloat) - base.read().to(at::kFloat);
  if (tuned.release) tuned.release();
  if (base.release) base.release();
  if (all_finite(values)) return values;
  throw WeightsError(text(tuned.name, " holds numbers that are none (NaN or infinite), in one of the two models"), "",
                     "`atelier model inspect --check` names the tensors of a file");
}

}  // namespace

LoraExtraction::LoraExtraction(const StoredPipeline& base, const StoredPipeline& tuned, const ExtractOptions& options)
    : options_(options) {
  const at::NoGradGuard no_grad;
  for (const Part part : {Part::kTextEncoder, Part::kTextEncoder2, Part::kUnet}) {
    if (!base.tensors.contains(part) || !tuned.tensors.contains(part)) {
      if (base.tensors.contains(part) == tuned.tensors.contains(part)) continue;
      throw WeightsError(text("only one of the two models has a ", part_name(part)), tuned.path.string(),
                         "both must be of one architecture");
    }
    std::vector<Pair> pairs = pairs_of(base, tuned, part);
    if (part != Part::kUnet && !differs(pairs)) {
      equal_parts_.push_back(part);
      continue;
    }
    pairs_.insert(pairs_.end(), std::make_move_iterator(pairs.begin()), std::make_move_iterator(pairs.end()));
  }
}

std::vector<LoraExtraction::Pair> LoraExtraction::pairs_of(const StoredPipeline& base, const StoredPipeline& tuned,
                                                           Part part) const {
  std::map<std::string_view, const TensorSource*> by_name;
  for (const TensorSource& source : base.tensors.at(part)) by_name.emplace(source.name, &source);
  const LoraNaming naming = lora_naming(part, tuned.unet);
  std::vector<Pair> pairs;
  for (const TensorSource& source : tuned.tensors.at(part)) {
    if (!source.name.ends_with(kWeightSuffix) || source.shape.size() < 2) continue;
    const auto place = naming(source.name.substr(0, source.name.size() - kWeightSuffix.size()));
    const int64_t rank = place ? rank_at(*place, source.shape, options_) : 0;
    if (rank == 0) continue;
    const auto found = by_name.find(source.name);
    if (found == by_name.end() || found->second->shape != source.shape) {
      throw WeightsError(text(part_name(part), ": ", source.name, " is ", describe_tensor(source), ", and ",
                              found == by_name.end() ? "not there" : describe_tensor(*found->second), " in the base"),
                         tuned.path.string(), "both must be of one architecture");
    }
    pairs.push_back({found->second, &source, place->name, rank});
  }
  return pairs;
}

bool LoraExtraction::differs(const std::vector<Pair>& pairs) const {
  return std::any_of(pairs.begin(), pairs.end(), [&](const Pair& pair) {
    check_interrupted();
    return difference(*pair.base, *pair.tuned).abs().max().item<double>() > options_.min_diff;
  });
}

std::optional<ExtractedModule> LoraExtraction::extract(int64_t i) const {
  const at::NoGradGuard no_grad;
  const Pair& pair = pairs_[static_cast<size_t>(i)];
  const at::Tensor whole = difference(*pair.base, *pair.tuned);
  const at::Tensor matrix = whole.flatten(1);
  ExtractedModule module;
  module.name = pair.name;
  module.wanted = matrix.square().sum(at::kDouble).item<double>();
  if (module.wanted == 0) return std::nullopt;
  const LowRank svd = truncated_svd(matrix, pair.rank, random_key(0, "extract lora", {hash64(pair.name)}));
  module.factors = lora_factors(svd, pair.rank);
  clamp_to_quantile(module.factors, options_.clamp_quantile);
  const at::Tensor lacking = matrix - at::matmul(module.factors.up, module.factors.down);
  module.error = lacking.square().sum(at::kDouble).item<double>();
  if (whole.dim() == 4) {
    module.factors.up = module.factors.up.view({whole.size(0), pair.rank, 1, 1});
    module.factors.down = module.factors.down.view({pair.rank, whole.size(1), whole.size(2), whole.size(3)});
  }
  return module;
}

}  // namespace atelier
