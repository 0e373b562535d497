// The log facade: results go to stdout by their program, everything here goes to stderr. The library behind it (spdlog)
// is seen by log.cpp alone, because torch's headers carry another fmt.
#pragma once

#include <string_view>

#include "configs/base/text.h"

namespace atelier {

enum class LogLevel { kDebug, kInfo, kWarning, kError, kOff };

/// `name`: debug, info, warning, error, off. ConfigError otherwise.
LogLevel parse_log_level(std::string_view name);
void set_log_level(LogLevel level);
LogLevel log_level();

/// Thread-safe. A line in progress (configs/base/progress.h) is cleared before and redrawn after.
void log_line(LogLevel level, std::string_view message);

template <typename... Parts>
void log_debug(const Parts&... parts) {
  if (log_level() <= LogLevel::kDebug) log_line(LogLevel::kDebug, text(parts...));
}
template <typename... Parts>
void log_info(const Parts&... parts) {
  if (log_level() <= LogLevel::kInfo) log_line(LogLevel::kInfo, text(parts...));
}
template <typename... Parts>
void log_warning(const Parts&... parts) {
  if (log_level() <= LogLevel::kWarning) log_line(LogLevel::kWarning, text(parts...));
}

}  // namespace atelier
