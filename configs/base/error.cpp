#include "configs/base/error.h"

#include <cerrno>
#include <cstring>
#include <utility>

#include "configs/base/text.h"

namespace atelier {
namespace {

std::string message(const std::string& what, const std::string& where) {
  return where.empty() ? what : where + ": " + what;
}

/// Further lines of a multi-line text are set under the first.
std::string indented(const std::string& text, size_t width) {
  std::string out;
  for (char c : text) {
    out += c;
    if (c == '\n') out.append(width, ' ');
  }
  return out;
}

}  // namespace

Error::Error(ExitCode code, std::string what, std::string where, std::string hint)
    : std::runtime_error(message(what, where)),
      code_(code),
      summary_(std::move(what)),
      where_(std::move(where)),
      hint_(std::move(hint)) {}

void throw_errno(std::string_view action, const std::string& path, ExitCode fallback) {
  const int error = errno;
  if (error == ENOSPC || error == EDQUOT) {
    throw MachineError(text("no space left: ", action), path, "free some space, or choose another folder");
  }
  std::string what = text(action, ": ", std::strerror(error));
  const bool is_short = error == EMFILE || error == ENFILE || error == ENOMEM;  // no other file would open, either
  if (is_short || fallback == ExitCode::kMachine) throw MachineError(std::move(what), path);
  if (fallback == ExitCode::kUser) throw ConfigError(std::move(what), path);
  throw Error(fallback, std::move(what), path, "");
}

std::string format_error(const Error& error) {
  std::string block = "error: " + indented(error.summary(), 7) + "\n";
  if (!error.where().empty()) block += "   at: " + indented(error.where(), 7) + "\n";
  if (!error.hint().empty()) block += "  fix: " + indented(error.hint(), 7) + "\n";
  return block;
}

}  // namespace atelier
