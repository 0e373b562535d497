// atelier dataset cache
#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <vector>

#include "tools/atelier_train/local_ranks.h"
#include "tools/atelier_train/verbs.h"
#include "trainer/cache/cache_job.h"

namespace atelier {
namespace {

struct CacheArguments {
  std::string run;
  std::vector<std::string> overrides;
  int64_t processes = 0;
  bool verify = false, prune = false;

  CacheTask task() const {
    if (verify) return prune ? CacheTask::kVerifyAndPrune : CacheTask::kVerify;
    return prune ? CacheTask::kPrune : CacheTask::kFill;
  }
};

void cache(const CacheArguments& arguments, char** argv) {
  const RunOptions run = read_run(arguments.run, arguments.overrides);
  const RankInfo ranks = detect_ranks();
  if (arguments.task() == CacheTask::kFill && run_as_local_ranks(arguments.processes, ranks, argv)) return;
  run_cache_task(run, ranks, arguments.task());
}

}  // namespace

Verb verb_dataset_cache(char** argv) {
  return {"dataset cache", "encode pictures and captions once, by any number of processes", [argv](CLI::App& app) {
            auto arguments = std::make_shared<CacheArguments>();
            app.add_option("RUN", arguments->run, "the run's YAML, or recipe:NAME")->required();
            app.add_option("OVERRIDES", arguments->overrides, "key.path=value ...");
            CLI::Option* const processes =
                app.add_option("--nproc-per-node", arguments->processes, "processes on this host that fill together")
                    ->check(CLI::Range(1, 1024));
            app.add_flag("--verify", arguments->verify, "recompute every checksum instead of filling")
                ->excludes(processes);
            app.add_flag("--prune", arguments->prune,
                         "take out what this run does not use (with --verify: and what is damaged)")
                ->excludes(processes);
            return [arguments, argv] { cache(*arguments, argv); };
          }};
}

}  // namespace atelier
