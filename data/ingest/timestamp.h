// Dates as posts write them.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace atelier {

/// "2025-08-07T03:06:03.772-04:00", "2014-08-16 20:11:29.23325 UTC", "2014-08-16", with or without fraction and zone
/// (none: UTC) -> whole seconds since 1970, UTC. nullopt if it is no date.
std::optional<int64_t> parse_timestamp(std::string_view text);

/// The calendar year, UTC.
int32_t year_of(int64_t seconds_since_1970);

}  // namespace atelier
