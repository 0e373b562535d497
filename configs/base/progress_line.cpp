#include "configs/base/progress_line.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdio>

namespace atelier {
namespace {

std::recursive_mutex& line_mutex() {
  static std::recursive_mutex mutex;
  return mutex;
}

std::string& present_line() {
  static std::string line;
  return line;
}

size_t terminal_width() {
  winsize size{};
  return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

void put(std::string_view bytes) {
  std::fwrite(bytes.data(), 1, bytes.size(), stderr);
  std::fflush(stderr);
}

}  // namespace

bool ProgressLine::is_terminal() {
  static const bool terminal = isatty(STDERR_FILENO);
  return terminal;
}

ProgressLine::Pause::Pause() : lock_(line_mutex()) {
  if (is_terminal() && !present_line().empty()) put("\r\033[K");
}

ProgressLine::Pause::~Pause() {
  if (is_terminal() && !present_line().empty()) put(present_line());
}

void ProgressLine::draw(std::string_view line) {
  const std::lock_guard lock(line_mutex());
  present_line() = line.substr(0, terminal_width() - 1);
  put("\r\033[K" + present_line());
}

void ProgressLine::end() {
  const std::lock_guard lock(line_mutex());
  if (!present_line().empty()) put("\n");
  present_line().clear();
}

}  // namespace atelier
