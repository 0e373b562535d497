// --nproc-per-node: starts the processes of a run on this host.
#pragma once

#include <cstdint>

namespace atelier {

/// Runs this program's command line `process_count` times with torchrun's environment and waits. When a rank fails, the
/// others are ended, and the failed rank is named on stderr. SIGINT and SIGTERM are passed on. Returns the exit code of
/// the first rank that failed, or 0.
int launch_local_ranks(int64_t process_count, char** argv);

}  // namespace atelier
