#include "configs/base/memory.h"
#include "tools/atelier_model/verbs.h"

int main(int argc, char** argv) {
  atelier::keep_freed_memory();
  return atelier::run_program(argc, argv, "Atelier: what works on models",
                              {atelier::verb_convert(), atelier::verb_encode(), atelier::verb_eval(),
                               atelier::verb_extract_lora(), atelier::verb_merge(), atelier::verb_resize_lora(),
                               atelier::verb_sample()});
}
