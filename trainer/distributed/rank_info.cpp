#include "trainer/distributed/rank_info.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <optional>
#include <string_view>

#include "configs/base/error.h"

namespace atelier {
namespace {

std::optional<std::string> variable(const char* name) {
  const char* value = std::getenv(name);
  if (!value || !*value) return std::nullopt;
  return value;
}

int64_t number(const char* name, std::optional<int64_t> fallback = {}) {
  const auto value = variable(name);
  if (!value && fallback) return *fallback;
  int64_t parsed = 0;
  if (value) {
    const auto [end, error] = std::from_chars(value->data(), value->data() + value->size(), parsed);
    if (error == std::errc() && end == value->data() + value->size() && parsed >= 0) return parsed;
  }
  throw ConfigError(
      std::string("the launcher's variable ") + name + (value ? " is not a number: " + *value : " is missing"),
      "environment", "start through torchrun, srun, mpirun or --nproc-per-node");
}

RankInfo from_torchrun() {
  RankInfo info;
  info.launcher = "torchrun environment";
  info.rank = number("RANK");
  info.world_size = number("WORLD_SIZE");
  info.local_rank = number("LOCAL_RANK", info.rank);
  info.local_world_size = number("LOCAL_WORLD_SIZE", info.world_size);
  info.master_addr = variable("MASTER_ADDR").value_or("127.0.0.1");
  info.master_port = number("MASTER_PORT", 29500);
  info.store_is_served = variable("TORCHELASTIC_USE_AGENT_STORE").value_or("") == "True";
  return info;
}

/// The first host of "node[3-7,9]" or "a,b".
std::string first_host(const std::string& list) {
  const size_t bracket = list.find('[');
  if (bracket == std::string::npos || list.find(',') < bracket) return list.substr(0, list.find(','));
  const size_t end = list.find_first_of("-,]", bracket);
  return list.substr(0, bracket) + list.substr(bracket + 1, end - bracket - 1);
}

RankInfo from_slurm() {
  RankInfo info;
  info.launcher = "Slurm";
  info.rank = number("SLURM_PROCID");
  info.world_size = number("SLURM_NTASKS");
  info.local_rank = number("SLURM_LOCALID");
  const int64_t nodes = std::max<int64_t>(1, number("SLURM_STEP_NUM_NODES", number("SLURM_NNODES", 1)));
  info.local_world_size = number("SLURM_NTASKS_PER_NODE", (info.world_size + nodes - 1) / nodes);
  info.master_addr =
      variable("MASTER_ADDR").value_or(first_host(variable("SLURM_STEP_NODELIST").value_or("127.0.0.1")));
  // Every job its own port, the same on all its ranks.
  info.master_port = number("MASTER_PORT", 20000 + number("SLURM_JOB_ID", 0) % 20000);
  return info;
}

RankInfo from_open_mpi() {
  RankInfo info;
  info.launcher = "Open MPI";
  info.rank = number("OMPI_COMM_WORLD_RANK");
  info.world_size = number("OMPI_COMM_WORLD_SIZE");
  info.local_rank = number("OMPI_COMM_WORLD_LOCAL_RANK");
  info.local_world_size = number("OMPI_COMM_WORLD_LOCAL_SIZE", info.world_size);
  info.master_addr = variable("MASTER_ADDR").value_or("127.0.0.1");
  info.master_port = number("MASTER_PORT", 29500);
  return info;
}

}  // namespace

RankInfo detect_ranks() {
  RankInfo info;
  if (variable("RANK") || variable("WORLD_SIZE")) {
    info = from_torchrun();
  } else if (variable("SLURM_PROCID") && variable("SLURM_STEP_ID")) {
    info = from_slurm();
  } else if (variable("OMPI_COMM_WORLD_RANK")) {
    info = from_open_mpi();
  }
  if (info.world_size < 1 || info.rank >= info.world_size) {
    throw ConfigError("rank " + std::to_string(info.rank) + " of " + std::to_string(info.world_size) + " processes",
                      "environment", "start through torchrun, srun, mpirun or --nproc-per-node");
  }
  if (info.master_port > 65535) {
    throw ConfigError("MASTER_PORT is no port: " + std::to_string(info.master_port), "environment");
  }
  return info;
}

}  // namespace atelier
