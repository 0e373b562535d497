// atelier-data: the verbs that need the data but no torch.
#include "data/files/remote.h"
#include "tools/atelier_data/verbs.h"

int main(int argc, char** argv) {
  using namespace atelier;
  const int code = run_program(argc, argv, "posts, manifests, plans, captions",
                               {verb_build(), verb_stats(), verb_plan(), verb_captions(), verb_dedup(), verb_verify(),
                                verb_tokenize()});
  close_remote();
  return code;
}
