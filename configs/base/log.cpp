#include "configs/base/log.h"

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <unistd.h>

#include <atomic>
#include <memory>

#include "configs/base/error.h"
#include "configs/base/progress_line.h"

namespace atelier {
namespace {

std::atomic<LogLevel> current_level{LogLevel::kInfo};

spdlog::logger& logger() {
  static const std::shared_ptr<spdlog::logger> instance = [] {
    auto sink = std::make_shared<spdlog::sinks::stderr_color_sink_mt>();
    auto made = std::make_shared<spdlog::logger>("atelier", sink);
    made->set_pattern(isatty(STDERR_FILENO) ? "%^%L%$ %v" : "%Y-%m-%d %H:%M:%S %L %v");
    made->set_level(spdlog::level::trace);
    return made;
  }();
  return *instance;
}

spdlog::level::level_enum library_level(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug: return spdlog::level::debug;
    case LogLevel::kInfo: return spdlog::level::info;
    case LogLevel::kWarning: return spdlog::level::warn;
    case LogLevel::kError: return spdlog::level::err;
    case LogLevel::kOff: break;
  }
  return spdlog::level::off;
}

}  // namespace

LogLevel parse_log_level(std::string_view name) {
  if (name == "debug") return LogLevel::kDebug;
  if (name == "info") return LogLevel::kInfo;
  if (name == "warning" || name == "warn") return LogLevel::kWarning;
  if (name == "error") return LogLevel::kError;
  if (name == "off") return LogLevel::kOff;
  throw ConfigError(text("unknown log level '", name, "'"), "--log-level", "use debug, info, warning, error or off");
}

void set_log_level(LogLevel level) { current_level = level; }

LogLevel log_level() { return current_level; }

void log_line(LogLevel level, std::string_view message) {
  if (level < current_level) return;
  const ProgressLine::Pause pause;  // the redrawn line steps aside
  logger().log(library_level(level), spdlog::string_view_t(message.data(), message.size()));
}

}  // namespace atelier
