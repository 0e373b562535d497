// A plan's report as terminal tables.
#pragma once

#include <string>

#include "data/plan/plan_report.h"

namespace atelier {

/// At most 80 columns wide.
std::string plan_table(const PlanReport& report);

}  // namespace atelier
