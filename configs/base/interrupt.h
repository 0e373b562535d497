// SIGINT and SIGTERM as a flag that long work looks at between samples or steps.
#pragma once

namespace atelier {

/// Installs handlers once: the first signal sets the flag, a second SIGINT ends the process at once.
void install_interrupt_handlers();
/// Signals end the process at once again: for a verb that waits for its input and has nothing to save.
void restore_default_signals();
bool interrupted();
/// 0, or the signal that came.
int interrupt_signal();
/// Throws Error with exit code 130 or 143 if a signal came.
void check_interrupted();

}  // namespace atelier
