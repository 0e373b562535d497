#include "trainer/distributed/launcher.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "configs/base/error.h"
#include "configs/base/interrupt.h"
#include "configs/base/log.h"

namespace atelier {
namespace {

using Clock = std::chrono::steady_clock;

/// Ranks that still run when another has failed get this long to end by themselves.
constexpr std::chrono::seconds kGrace{10};

int free_port() {
  const int handle = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  if (handle < 0 || ::bind(handle, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
      ::getsockname(handle, reinterpret_cast<sockaddr*>(&address), &length) != 0) {
    throw_errno("cannot find a free port", "127.0.0.1", ExitCode::kMachine);
  }
  ::close(handle);
  return ntohs(address.sin_port);
}

void set_variable(const char* name, const std::string& value) { ::setenv(name, value.c_str(), 1); }

[[noreturn]] void become_rank(int64_t rank, int64_t count, int port, pid_t parent, char** argv) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // no rank outlives its launcher
  if (::getppid() != parent) ::_exit(static_cast<int>(ExitCode::kTerminated));
  ::setpgid(0, 0);  // a terminal's Ctrl-C reaches the launcher alone, which passes it on once
  const std::string number = std::to_string(rank), total = std::to_string(count);
  set_variable("RANK", number);
  set_variable("LOCAL_RANK", number);
  set_variable("WORLD_SIZE", total);
  set_variable("LOCAL_WORLD_SIZE", total);
  set_variable("MASTER_ADDR", "127.0.0.1");
  set_variable("MASTER_PORT", std::to_string(port));
  ::unsetenv("TORCHELASTIC_USE_AGENT_STORE");
  ::execv("/proc/self/exe", argv);
  ::_exit(static_cast<int>(ExitCode::kUnexpected));
}

int exit_code_of(int status) { return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status); }

std::string ending(int status) {
  if (WIFSIGNALED(status)) return text("was ended by signal ", WTERMSIG(status));
  return text("ended with exit code ", WEXITSTATUS(status));
}

/// The children of one launch.
class Ranks {
 public:
  void add(pid_t child) { children_.push_back(child); }

  int wait() {
    bool forwarded = false;
    while (true) {
      int status = 0;
      const pid_t child = ::waitpid(-1, &status, WNOHANG);
      if (child < 0 && errno == ECHILD) return code_;
      if (child > 0) note(child, status);
      if (child != 0) continue;
      if (interrupted() && !forwarded) {
        signal_all(interrupt_signal());
        forwarded = true;
      }
      if (failed_ && Clock::now() > deadline_) signal_all(SIGKILL);
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
  }

 private:
  void note(pid_t child, int status) {
    for (size_t rank = 0; rank < children_.size(); ++rank) {
      if (children_[rank] != child) continue;
      children_[rank] = 0;
      if (exit_code_of(status) == 0 || failed_) return;
      failed_ = true;
      code_ = WIFSIGNALED(status) && !interrupted() ? static_cast<int>(ExitCode::kMachine) : exit_code_of(status);
      if (!interrupted())
        log_line(LogLevel::kError, text("rank ", rank, " ", ending(status), "; ending the other ranks"));
      deadline_ = Clock::now() + kGrace;
      if (!interrupted()) signal_all(SIGTERM);
    }
  }

  void signal_all(int signal) const {
    for (pid_t child : children_) {
      if (child > 0) ::kill(child, signal);
    }
  }

  std::vector<pid_t> children_;
  bool failed_ = false;
  int code_ = 0;
  Clock::time_point deadline_;
};

}  // namespace

int launch_local_ranks(int64_t process_count, char** argv) {
  const int port = free_port();
  const pid_t parent = ::getpid();
  Ranks ranks;
  for (int64_t rank = 0; rank < process_count; ++rank) {
    const pid_t child = ::fork();
    if (child < 0) throw_errno("cannot start a process", text("rank ", rank), ExitCode::kMachine);
    if (child == 0) become_rank(rank, process_count, port, parent, argv);
    ranks.add(child);
  }
  return ranks.wait();
}

}  // namespace atelier
