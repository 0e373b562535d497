// The UNet from and to a folder. Apart from the network, which needs nothing but torch (tools/gpu_check).
#include "configs/base/atomic_file.h"
#include "models/keys/single_file_keys.h"
#include "models/unet/unet_2d_condition.h"
#include "models/weights/weights.h"

namespace atelier {

std::unique_ptr<UNet2DConditionModel> UNet2DConditionModel::from_pretrained(const std::filesystem::path& folder) {
  auto model = std::make_unique<UNet2DConditionModel>(read_unet_options(folder));
  load_weights(*model, folder);
  return model;
}

void UNet2DConditionModel::save_pretrained(const std::filesystem::path& folder, SafeDtype dtype) const {
  std::filesystem::create_directories(folder);
  write_file_atomically(folder / "config.json", unet_config_json(options_));
  save_weights(*this, folder / weights_file_name(Part::kUnet), dtype, {{"format", "pt"}});
}

}  // namespace atelier
