#include "models/autoencoder/autoencoder.h"

#include <algorithm>

#include "configs/base/error.h"
#include "configs/base/log.h"
#include "configs/base/random.h"
#include "configs/base/text.h"
#include "models/autoencoder/autoencoder_kl.h"
#include "models/autoencoder/dct_autoencoder.h"

namespace atelier {
namespace {

namespace fs = std::filesystem;

bool has_safetensors(const fs::path& folder) {
  const auto is_weights = [](const fs::directory_entry& entry) { return entry.path().extension() == ".safetensors"; };
  return fs::is_directory(folder) && std::any_of(fs::directory_iterator(folder), fs::directory_iterator(), is_weights);
}

}  // namespace

std::unique_ptr<Autoencoder> make_autoencoder(const fs::path& vae, std::optional<uint64_t> seed) {
  const std::string class_name = autoencoder_class(vae);
  if (class_name == "DctAutoencoder") return std::make_unique<DctAutoencoder>();
  if (class_name != "AutoencoderKL") {
    throw WeightsError(
        text("\"_class_name\" is \"", class_name, "\": only AutoencoderKL and DctAutoencoder are supported"),
        (vae / "config.json").string(), "set vae: dct for a model of its latents");
  }
  if (!seed || has_safetensors(vae)) return AutoencoderKL::from_pretrained(vae);
  log_warning("the VAE has no weights and is random: its latents mean nothing (", vae.string(), ")");
  auto model = std::make_unique<AutoencoderKL>(read_vae_options(vae));
  initialize(*model, random_key(*seed, "vae"));
  return model;
}

}  // namespace atelier
