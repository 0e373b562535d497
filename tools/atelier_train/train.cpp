// atelier train
#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <vector>

#include "tools/atelier_train/local_ranks.h"
#include "tools/atelier_train/verbs.h"
#include "trainer/trainer.h"

namespace atelier {
namespace {

struct TrainArguments {
  std::string run;
  std::vector<std::string> overrides;
  TrainerSettings settings;
  int64_t processes = 0;
};

void train(const TrainArguments& arguments, char** argv) {
  const RunOptions run = read_run(arguments.run, arguments.overrides);
  check_run(run, /*for_training=*/true);
  const RankInfo ranks = detect_ranks();
  if (run_as_local_ranks(arguments.processes, ranks, argv)) return;
  Trainer trainer(run, arguments.settings, ranks);
  trainer.run();
}

}  // namespace

Verb verb_train(char** argv) {
  return {"train", "train, or resume, a run", [argv](CLI::App& app) {
            auto arguments = std::make_shared<TrainArguments>();
            app.add_option("RUN", arguments->run, "the run's YAML, or recipe:NAME")->required();
            app.add_option("OVERRIDES", arguments->overrides, "key.path=value ...");
            app.add_option("--resume", arguments->settings.resume,
                           "auto: from the newest checkpoint, or from the start; none; or a checkpoint's folder")
                ->type_name("auto|none|PATH")
                ->capture_default_str();
            app.add_option("--nproc-per-node", arguments->processes, "processes on this host (torchrun works too)")
                ->check(CLI::Range(1, 1024));
            app.add_flag("--dry-run", arguments->settings.dry_run, "open data and model, show what would happen, stop");
            return [arguments, argv] { train(*arguments, argv); };
          }};
}

}  // namespace atelier
