// --nproc-per-node of the verbs that run as several processes.
#pragma once

#include <cstdint>

#include "trainer/distributed/rank_info.h"

namespace atelier {

/// With more than one process asked for, and nobody having started ranks yet: starts them and waits, true. A rank that
/// fails ends this program with its exit code; it has said why itself.
bool run_as_local_ranks(int64_t processes, const RankInfo& ranks, char** argv);

}  // namespace atelier
