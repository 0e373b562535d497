// Verbs of atelier-train.
#pragma once

#include "tools/common/program.h"

namespace atelier {

Verb verb_train(char** argv);
Verb verb_dataset_cache(char** argv);

}  // namespace atelier
