// Which of how many processes this is.
#pragma once

#include <cstdint>
#include <string>

namespace atelier {

struct RankInfo {
  int64_t rank = 0, world_size = 1;
  int64_t local_rank = 0, local_world_size = 1;  // on this host
  std::string master_addr = "127.0.0.1";
  int64_t master_port = 0;
  bool store_is_served = false;  // torchrun's agent serves the store: every rank is a client
  std::string launcher = "single process";

  bool is_main() const { return rank == 0; }
};

/// From the environment: torchrun's and --nproc-per-node's variables (RANK, WORLD_SIZE, LOCAL_RANK, MASTER_ADDR ...),
/// else Slurm's, else Open MPI's, else a single process. ConfigError for half a set.
RankInfo detect_ranks();

}  // namespace atelier
