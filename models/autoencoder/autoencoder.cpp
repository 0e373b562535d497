#include "models/autoencoder/autoencoder.h"

#include <nlohmann/json.hpp>

#include "configs/base/atomic_file.h"
#include "configs/base/error.h"
#include "configs/base/text.h"
#include "models/autoencoder/dct_autoencoder.h"
#include "models/options/config_json.h"

namespace atelier {

std::unique_ptr<Autoencoder> make_autoencoder(const std::filesystem::path& vae) {
  if (vae == "dct") return std::make_unique<DctAutoencoder>();
  const ConfigJson config(vae, "config.json");
  const std::string class_name = config.string("_class_name", "");
  if (class_name == "DctAutoencoder") return std::make_unique<DctAutoencoder>();
  config.fail("_class_name", "only DctAutoencoder is supported; set vae: dct for a model of its latents");
}

void save_autoencoder(const Autoencoder& autoencoder, const std::filesystem::path& folder) {
  std::filesystem::create_directories(folder);
  const nlohmann::ordered_json config = {{"_class_name", autoencoder.class_name()}};
  write_file_atomically(folder / "config.json", config.dump(2) + "\n");
}

}  // namespace atelier
