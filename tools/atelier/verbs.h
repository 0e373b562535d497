// Verbs that the front end runs itself: they need neither Arrow nor torch.
#pragma once

#include "tools/common/program.h"

namespace atelier {

Verb verb_config_show();
Verb verb_config_schema();
Verb verb_inspect();  // model inspect

}  // namespace atelier
