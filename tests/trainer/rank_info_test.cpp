#include "trainer/distributed/rank_info.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <map>

#include "configs/base/error.h"

namespace atelier {
namespace {

/// Sets variables for one test; all that a launcher may set are cleared first and afterwards.
class RankEnvironment {
 public:
  explicit RankEnvironment(const std::map<std::string, std::string>& values) {
    clear();
    for (const auto& [name, value] : values) ::setenv(name.c_str(), value.c_str(), 1);
  }
  ~RankEnvironment() { clear(); }

 private:
  static void clear() {
    for (const char* name : {"RANK",
                             "WORLD_SIZE",
                             "LOCAL_RANK",
                             "LOCAL_WORLD_SIZE",
                             "MASTER_ADDR",
                             "MASTER_PORT",
                             "TORCHELASTIC_USE_AGENT_STORE",
                             "SLURM_PROCID",
                             "SLURM_NTASKS",
                             "SLURM_LOCALID",
                             "SLURM_STEP_ID",
                             "SLURM_STEP_NODELIST",
                             "SLURM_JOB_ID",
                             "SLURM_NTASKS_PER_NODE",
                             "SLURM_STEP_NUM_NODES",
                             "SLURM_NNODES",
                             "OMPI_COMM_WORLD_RANK",
                             "OMPI_COMM_WORLD_SIZE",
                             "OMPI_COMM_WORLD_LOCAL_RANK",
                             "OMPI_COMM_WORLD_LOCAL_SIZE"}) {
      ::unsetenv(name);
    }
  }
};

TEST(DetectRanks, AloneWithoutALauncher) {
  const RankEnvironment environment({});
  EXPECT_EQ(detect_ranks().world_size, 1);
  EXPECT_TRUE(detect_ranks().is_main());
}

TEST(DetectRanks, Torchrun) {
  const RankEnvironment environment({{"RANK", "3"},
                                     {"WORLD_SIZE", "8"},
                                     {"LOCAL_RANK", "1"},
                                     {"LOCAL_WORLD_SIZE", "2"},
                                     {"MASTER_ADDR", "host-a"},
                                     {"MASTER_PORT", "1234"},
                                     {"TORCHELASTIC_USE_AGENT_STORE", "True"}});
  const RankInfo info = detect_ranks();
  EXPECT_EQ(info.rank, 3);
  EXPECT_EQ(info.local_rank, 1);
  EXPECT_EQ(info.local_world_size, 2);
  EXPECT_EQ(info.master_addr, "host-a");
  EXPECT_EQ(info.master_port, 1234);
  EXPECT_TRUE(info.store_is_served);
}

TEST(DetectRanks, SlurmsFirstHost) {
  const RankEnvironment environment({{"SLURM_PROCID", "1"},
                                     {"SLURM_NTASKS", "4"},
                                     {"SLURM_LOCALID", "1"},
                                     {"SLURM_STEP_ID", "0"},
                                     {"SLURM_STEP_NODELIST", "gpu-[03-05,9],login"},
                                     {"SLURM_JOB_ID", "77"}});
  EXPECT_EQ(detect_ranks().master_addr, "gpu-03");
  EXPECT_EQ(detect_ranks().master_port, 20077);
}

TEST(DetectRanks, SlurmOnSeveralNodesIsNotOneHost) {
  const RankEnvironment environment({{"SLURM_PROCID", "5"},
                                     {"SLURM_NTASKS", "7"},
                                     {"SLURM_LOCALID", "1"},
                                     {"SLURM_STEP_ID", "0"},
                                     {"SLURM_NNODES", "2"},
                                     {"SLURM_STEP_NODELIST", "gpu-[03-04]"}});
  EXPECT_EQ(detect_ranks().local_world_size, 4);
}

TEST(DetectRanks, HalfASetIsAnError) {
  for (const char* half : {"RANK", "WORLD_SIZE"}) {
    const RankEnvironment environment(std::map<std::string, std::string>{{half, "1"}});
    EXPECT_THROW(detect_ranks(), ConfigError) << half;
  }
  {
    const RankEnvironment environment({{"RANK", "0"}, {"WORLD_SIZE", "2"}, {"MASTER_PORT", "70000"}});
    EXPECT_THROW(detect_ranks(), ConfigError);
  }
  {
    const RankEnvironment environment({{"RANK", "x"}, {"WORLD_SIZE", "2"}});
    EXPECT_THROW(detect_ranks(), ConfigError);
  }
  {
    const RankEnvironment environment({{"RANK", "2"}, {"WORLD_SIZE", "2"}});
    EXPECT_THROW(detect_ranks(), ConfigError);
  }
  const RankEnvironment environment(std::map<std::string, std::string>{{"OMPI_COMM_WORLD_RANK", "0"}});
  EXPECT_THROW(detect_ranks(), ConfigError);
}

}  // namespace
}  // namespace atelier
