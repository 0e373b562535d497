#include "configs/base/interrupt.h"

#include <signal.h>
#include <unistd.h>

#include "configs/base/error.h"

namespace atelier {
namespace {

volatile sig_atomic_t received = 0;

void on_signal(int signal) {
  if (received == SIGINT && signal == SIGINT) _exit(static_cast<int>(ExitCode::kInterrupted));
  received = signal;
}

}  // namespace

void install_interrupt_handlers() {
  struct sigaction action {};
  action.sa_handler = on_signal;
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

void restore_default_signals() {
  signal(SIGINT, SIG_DFL);
  signal(SIGTERM, SIG_DFL);
}

bool interrupted() { return received != 0; }

int interrupt_signal() { return received; }

void check_interrupted() {
  if (received == SIGTERM) throw Error(ExitCode::kTerminated, "terminated", "", "");
  if (received != 0) throw Error(ExitCode::kInterrupted, "interrupted", "", "");
}

}  // namespace atelier
