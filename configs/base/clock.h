// The time of day, as files tell it.
#pragma once

#include <string>

namespace atelier {

/// Now, in UTC: "2024-09-30T08:15:00Z" (ISO 8601, as modelspec's `date`).
std::string utc_now();

}  // namespace atelier
