#include "models/adapters/resize_lora.h"

#include <ATen/ATen.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "configs/base/error.h"
#include "configs/base/text.h"
#include "models/keys/adapter_names.h"
#include "models/keys/model_kind.h"
#include "models/weights/stored_pipeline.h"
#include "models/weights/weights.h"

namespace atelier {
namespace {

at::Tensor read_finite(const SafetensorsFile& file, const SafeTensorInfo& info) {
  const at::Tensor values = read_tensor(file, info);
  file.drop_pages(info);
  if (!values.is_floating_point()) {
    throw WeightsError("not floating-point numbers", text(file.path().string(), ": ", info.name));
  }
  require_finite(values, info.name, file.path());
  return values.to(at::kFloat);
}

/// Squares of `s` from `rank` on, against all.
double kept_norm(const at::Tensor& s, int64_t rank) {
  const double all = s.square().sum().item<double>();
  return all == 0 ? 1 : std::sqrt(s.narrow(0, 0, rank).square().sum().item<double>() / all);
}

/// "16", or "Dynamic" as sd-scripts writes where modules differ.
std::string common_value(const std::set<double>& values) {
  return values.size() == 1 ? shortest(*values.begin()) : "Dynamic";
}

/// Ranks and alphas of one sort of modules.
struct Sizes {
  std::set<double> old_ranks, ranks, alphas;

  Sizes(const std::vector<ResizedModule>& modules, bool spatial) {
    for (const ResizedModule& module : modules) {
      if (module.spatial != spatial) continue;
      old_ranks.insert(static_cast<double>(module.old_rank));
      ranks.insert(static_cast<double>(module.rank));
      alphas.insert(module.alpha);
    }
  }
};

/// conv_dim and conv_alpha of sd-scripts' --network_args, where the file has them.
void update_arguments(std::string& arguments, const Sizes& conv) {
  auto parsed = nlohmann::ordered_json::parse(arguments, nullptr, /*allow_exceptions=*/false);
  if (!parsed.is_object() || conv.ranks.empty()) return;
  if (parsed.contains("conv_dim")) parsed["conv_dim"] = common_value(conv.ranks);
  if (parsed.contains("conv_alpha")) parsed["conv_alpha"] = common_value(conv.alphas);
  arguments = parsed.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace

LoraResize::LoraResize(const std::filesystem::path& path) : file_(path), alphas_(file_) {
  std::map<std::string, Parts> modules;
  for (const SafeTensorInfo& info : file_.tensors()) {
    const std::optional<AdapterKey> key = parse_adapter_key(info.name);
    const std::string tensor = key ? key->tensor : "";
    const bool known = tensor == "lora_down.weight" || tensor == "lora_up.weight" || tensor == "alpha";
    if (!known) {
      throw WeightsError(text("\"", info.name, "\" is no part of a LoRA; this file is: ", guess_kind(file_).label),
                         path.string(), "only LoRA and LoCon files can be resized: down, up and alpha of each module");
    }
    Parts& parts = modules[key->module];
    const SafeTensorInfo*& place = tensor == "alpha" ? parts.alpha : tensor == "lora_up.weight" ? parts.up : parts.down;
    if (place) throw WeightsError(text("two tensors for one: ", place->name, " and ", info.name), path.string());
    place = &info;
  }
  for (auto& [name, parts] : modules) {
    if (!parts.down || !parts.up) throw WeightsError(text("the adapter ", name, " lacks a matrix"), path.string());
    parts.name = name;
    modules_.push_back(parts);
  }
  if (modules_.empty()) throw WeightsError("no adapters in this file", path.string());
}

ResizedModule LoraResize::resize(int64_t i, const RankChoice& choice, const RankChoice& conv) const {
  const at::NoGradGuard no_grad;
  const Parts& parts = modules_[static_cast<size_t>(i)];
  std::vector<int64_t> down_shape = parts.down->shape, up_shape = parts.up->shape;
  const bool fit = down_shape.size() >= 2 && up_shape.size() == down_shape.size() && down_shape[0] > 0 &&
                   up_shape[1] == down_shape[0] && !is_spatial(up_shape) && parts.down->element_count() > 0 &&
                   parts.up->element_count() > 0 && (!parts.alpha || parts.alpha->element_count() == 1);
  if (!fit) {
    throw WeightsError(text("the matrices or the alpha of the adapter ", parts.name, " do not go together"),
                       file_.path().string());
  }
  ResizedModule module{.name = parts.name, .tensors = {}, .old_rank = down_shape[0], .spatial = is_spatial(down_shape)};
  const auto old_rank = static_cast<double>(module.old_rank);
  const double old_alpha = parts.alpha ? read_finite(file_, *parts.alpha).item<double>()
                                       : alphas_.find(parts.name, module.old_rank).value_or(old_rank);
  const at::Tensor up = read_finite(file_, *parts.up).flatten(1), down = read_finite(file_, *parts.down).flatten(1);
  const LowRank svd = product_svd(up, down);
  module.rank = chosen_rank(svd.s, module.spatial ? conv : choice);
  module.kept = kept_norm(svd.s, module.rank);
  const double scale = old_alpha / old_rank;
  LoraFactors factors = lora_factors(svd, module.rank);
  // A file without alphas keeps none: its readers take alpha = rank, so the scale goes into the matrix.
  if (!parts.alpha) factors.up *= scale;
  module.alpha = parts.alpha ? scale * static_cast<double>(module.rank) : static_cast<double>(module.rank);
  down_shape[0] = up_shape[1] = module.rank;
  module.tensors = {{parts.down->name, factors.down.view(down_shape).to(at::kFloat)},
                    {parts.up->name, factors.up.contiguous().view(up_shape).to(at::kFloat)}};
  if (parts.alpha) {
    module.tensors.emplace_back(parts.alpha->name, at::full(parts.alpha->shape, module.alpha, at::kFloat));
  }
  return module;
}

std::map<std::string, std::string> resized_metadata(std::map<std::string, std::string> metadata,
                                                    const std::vector<ResizedModule>& modules) {
  metadata = without_hashes(std::move(metadata));
  metadata.erase("lora_adapter_metadata");
  const Sizes all(modules, false), conv(modules, true);
  const Sizes& main = all.ranks.empty() ? conv : all;
  const std::string rank = common_value(main.ranks);
  metadata["ss_network_dim"] = rank;
  metadata["ss_network_alpha"] = common_value(main.alphas);
  if (metadata.contains("ss_network_args")) update_arguments(metadata["ss_network_args"], conv);
  std::string& comment = metadata["ss_training_comment"];
  const std::string before = comment.empty() || comment == "None" ? "" : "; " + comment;
  comment = text("dimension is resized from ", common_value(main.old_ranks), " to ", rank, before);
  return metadata;
}

}  // namespace atelier
