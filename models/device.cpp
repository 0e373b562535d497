#include "models/device.h"

#include <ATen/Context.h>

#include "configs/base/error.h"
#include "configs/base/text.h"

namespace atelier {

at::Device choose_device(std::string_view name, const std::string& where, int64_t index) {
  const int64_t count = at::hasCUDA() ? at::detail::getCUDAHooks().getNumGPUs() : 0;
  if (name == "cpu" || (name == "auto" && count == 0)) return at::Device(at::kCPU);
  if (count == 0) throw ConfigError("cuda is asked for, but there is no usable GPU", where, "use auto or cpu");
  if (index >= count) {
    throw ConfigError(text("process ", index, " of this machine finds no GPU: there are ", count), where,
                      "start at most one process a GPU, or use cpu");
  }
  return at::Device(at::kCUDA, static_cast<c10::DeviceIndex>(index));
}

}  // namespace atelier
