// The one error hierarchy. An error says what happened, where (file, line, key, sample) and what to do; libraries throw
// it, only `main` prints it and turns it into an exit code (docs/cli.md).
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

namespace atelier {

/// Exit codes that programs and scripts may rely on.
enum class ExitCode : int {
  kOk = 0,
  kUnexpected = 1,  // a bug
  kUser = 2,        // YAML, options, a missing or unreadable weight file or checkpoint, an output folder in use
  kData = 3,        // too many bad samples, an empty plan, the NaN budget passed
  kMachine = 4,     // out of memory, out of disk, a lost rank
  kInterrupted = 130,
  kTerminated = 143,
};

class Error : public std::runtime_error {
 public:
  /// `what`: one sentence. `where`: file:line, key or sample, may be empty. `hint`: what the user can do, may be empty.
  Error(ExitCode code, std::string what, std::string where, std::string hint);

  ExitCode exit_code() const { return code_; }
  const std::string& summary() const { return summary_; }
  const std::string& where() const { return where_; }
  const std::string& hint() const { return hint_; }

 private:
  ExitCode code_;
  std::string summary_, where_, hint_;
};

#define ATELIER_ERROR(NAME, CODE)                                                  \
  class NAME : public Error {                                                      \
   public:                                                                         \
    explicit NAME(std::string what, std::string where = {}, std::string hint = {}) \
        : Error(CODE, std::move(what), std::move(where), std::move(hint)) {}       \
  }

ATELIER_ERROR(ConfigError, ExitCode::kUser);      // YAML, command line
ATELIER_ERROR(WeightsError, ExitCode::kUser);     // weight files: malformed, wrong model, missing tensors
ATELIER_ERROR(CheckpointError, ExitCode::kUser);  // a checkpoint that cannot be resumed from
ATELIER_ERROR(DataError, ExitCode::kData);        // posts, pictures, captions, plans
ATELIER_ERROR(MachineError, ExitCode::kMachine);  // memory, disk, a lost rank
#undef ATELIER_ERROR

/// MachineError for a full disk (ENOSPC, EDQUOT), else `fallback` code, for a failed system call on `path`.
[[noreturn]] void throw_errno(std::string_view action, const std::string& path, ExitCode fallback = ExitCode::kUser);

/// The block printed on stderr: "error: what\n  at: where\n  fix: hint\n".
std::string format_error(const Error& error);

}  // namespace atelier
