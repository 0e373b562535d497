// The verbs that need both data and models with a trainer: train, dataset cache.
#include "configs/base/memory.h"
#include "data/files/remote.h"
#include "tools/atelier_train/verbs.h"

int main(int argc, char** argv) {
  using namespace atelier;
  keep_freed_memory();
  const int code = run_program(argc, argv, "Atelier: training", {verb_train(argv), verb_dataset_cache(argv)});
  close_remote();
  return code;
}
