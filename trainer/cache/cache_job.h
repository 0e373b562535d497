// `atelier dataset cache`: filling, checking and tidying the caches of a run, without training it.
#pragma once

#include "trainer/distributed/rank_info.h"
#include "trainer/options/run_options.h"

namespace atelier {

enum class CacheTask {
  kFill,
  kVerify,          // every checksum
  kPrune,           // take out what the run does not use
  kVerifyAndPrune,  // and what is damaged
};

/// Of a run that has caches, else ConfigError. Any number of processes may fill at once; of several ranks the first
/// alone verifies or prunes, and prunes while nobody uses the caches. kVerify ends with DataError when something is
/// damaged. What was found goes to the log.
void run_cache_task(const RunOptions& run, const RankInfo& ranks, CacheTask task);

}  // namespace atelier
