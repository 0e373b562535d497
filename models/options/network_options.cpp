#include "models/options/network_options.h"

#include <nlohmann/json.hpp>

#include "configs/base/text.h"

namespace atelier {

void describe(Section& section, NetworkOptions& options) {
  section.field("algo", options.algo)
      .choices({"lora", "locon", "loha", "lokr", "dora"})
      .doc("Kind of adapter. locon: lora, on the ResNet blocks too; dora: lora with dora_wd.");
  section.field("network_dim", options.network_dim).range(1, 4096).doc("Rank of every adapter.");
  section.field("network_alpha", options.network_alpha)
      .range(1e-6, 1e6)
      .doc("The adapters' difference is scaled by network_alpha / network_dim.");
  section.field("conv_dim", options.conv_dim)
      .range(1, 4096)
      .doc(
          "Adapters on the ResNet blocks too, of this rank on 3x3 convolutions and of network_dim on the rest; null: "
          "only with locon, of network_dim.");
  section.field("conv_alpha", options.conv_alpha)
      .range(1e-6, 1e6)
      .doc("network_alpha of the 3x3 convolutions; null: network_alpha.");
  section.field("factor", options.factor)
      .range(-1, 4096)
      .doc("lokr: the small factor of each side is the divisor nearest to this, at most; -1: nearest to the root.");
  section.field("dora_wd", options.dora_wd)
      .doc("Train the magnitude of every output's weights beside their direction (DoRA), with any algo.");
  section.field("network_train_unet_only", options.network_train_unet_only)
      .doc("Adapters in the UNet alone; false: in both text encoders too.");
  section.field("network_weights", options.network_weights)
      .path()
      .doc(
          "Begin with the adapters of this file, of its kinds, ranks and alphas: the other options of network then do "
          "not count.");
}

int64_t effective_conv_dim(const NetworkOptions& options) {
  return options.conv_dim.value_or(options.algo == "locon" ? options.network_dim : 0);
}

double effective_conv_alpha(const NetworkOptions& options) {
  return options.conv_alpha.value_or(options.network_alpha);
}

bool decomposes_weight(const NetworkOptions& options) { return options.dora_wd || options.algo == "dora"; }

std::string network_summary(const NetworkOptions& options) {
  if (options.network_weights) return text("the adapters of ", *options.network_weights);
  std::string summary = text(options.algo, " rank ", options.network_dim, " alpha ", shortest(options.network_alpha));
  if (const int64_t rank = effective_conv_dim(options)) {
    summary += text(" convolutions rank ", rank, " alpha ", shortest(effective_conv_alpha(options)));
  }
  if (options.algo == "lokr") summary += text(" factor ", options.factor);
  if (options.dora_wd) summary += " weight-decomposed";
  return summary;
}

std::map<std::string, std::string> network_metadata(const NetworkOptions& options) {
  if (options.network_weights) return {};
  const bool plain = (options.algo == "lora" || options.algo == "locon") && !decomposes_weight(options);
  nlohmann::ordered_json arguments = nlohmann::ordered_json::object();  // as sd-scripts' --network_args: all strings
  if (const int64_t rank = effective_conv_dim(options)) {
    arguments["conv_dim"] = std::to_string(rank);
    arguments["conv_alpha"] = shortest(effective_conv_alpha(options));
  }
  if (!plain) arguments["algo"] = options.algo == "dora" ? "lora" : options.algo;
  if (options.algo == "lokr") arguments["factor"] = std::to_string(options.factor);
  if (decomposes_weight(options)) arguments["dora_wd"] = "True";
  std::map<std::string, std::string> metadata = {
      {"ss_network_module", plain ? "networks.lora" : "lycoris.kohya"},
      {"ss_network_dim", std::to_string(options.network_dim)},
      {"ss_network_alpha", shortest(options.network_alpha)},
  };
  if (!arguments.empty()) metadata["ss_network_args"] = arguments.dump();
  return metadata;
}

}  // namespace atelier
