// Where tensors live: what `device: auto|cpu|cuda` means on this machine.
#pragma once

#include <c10/core/Device.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace atelier {

/// `name`: "auto" (cuda when there is one), "cpu" or "cuda". `index`: which of the machine's GPUs, for several
/// processes. ConfigError naming `where` if there is no such GPU; "auto" also refuses to let two processes share one
/// unasked.
at::Device choose_device(std::string_view name, const std::string& where, int64_t index = 0);

}  // namespace atelier
