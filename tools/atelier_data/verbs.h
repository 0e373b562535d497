// The verbs of atelier-data, one a file.
#pragma once

#include "tools/common/program.h"

namespace atelier {

Verb verb_build();     // dataset build
Verb verb_stats();     // dataset stats
Verb verb_plan();      // dataset plan
Verb verb_captions();  // dataset captions
Verb verb_dedup();     // dataset dedup
Verb verb_verify();    // dataset verify
Verb verb_tokenize();  // model tokenize

}  // namespace atelier
