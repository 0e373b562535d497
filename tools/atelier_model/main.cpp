#include "tools/atelier_model/verbs.h"

int main(int argc, char** argv) {
  return atelier::run_program(argc, argv, "Atelier: what works on models",
                              {atelier::verb_convert(), atelier::verb_eval(), atelier::verb_merge(), atelier::verb_sample()});
}
