// The verbs that need both data and models with a trainer: train, dataset cache.
#include "tools/atelier_train/verbs.h"

int main(int argc, char** argv) {
  return atelier::run_program(argc, argv, "Atelier: training",
                              {atelier::verb_train(argv), atelier::verb_dataset_cache(argv)});
}
