#include "tools/atelier_train/local_ranks.h"

#include <cstdlib>

#include "trainer/distributed/launcher.h"

namespace atelier {

bool run_as_local_ranks(int64_t processes, const RankInfo& ranks, char** argv) {
  if (processes <= 1 || ranks.launcher != "single process") return false;
  const int code = launch_local_ranks(processes, argv);
  if (code != 0) std::exit(code);
  return true;
}

}  // namespace atelier
