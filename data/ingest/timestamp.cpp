#include "data/ingest/timestamp.h"

#include <charconv>
#include <chrono>

#include "configs/base/text.h"

namespace atelier {
namespace {

/// Takes exactly `digits` digits off the front; -1 if they are not there.
int take_number(std::string_view& text, size_t digits) {
  int value = -1;
  if (text.size() < digits || text[0] < '0' || text[0] > '9') return -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + digits, value);
  if (error != std::errc() || end != text.data() + digits) return -1;
  text.remove_prefix(digits);
  return value;
}

bool take(std::string_view& text, std::string_view any_of) {
  if (text.empty() || any_of.find(text[0]) == std::string_view::npos) return false;
  text.remove_prefix(1);
  return true;
}

/// "", "Z", "UTC", "+02:00", "-0400" -> seconds to subtract; nullopt for anything else.
std::optional<int64_t> zone_offset(std::string_view zone) {
  zone = trim(zone);
  if (zone.empty() || zone == "Z" || zone == "z" || zone == "UTC" || zone == "GMT") return 0;
  const int64_t sign = zone[0] == '-' ? -1 : 1;
  if (!take(zone, "+-")) return std::nullopt;
  const int hours = take_number(zone, 2);
  if (hours < 0) return std::nullopt;
  take(zone, ":");
  const int minutes = zone.empty() ? 0 : take_number(zone, 2);
  if (minutes < 0 || !zone.empty()) return std::nullopt;
  return sign * (hours * 3600 + minutes * 60);
}

}  // namespace

std::optional<int64_t> parse_timestamp(std::string_view text) {
  text = trim(text);
  const int year = take_number(text, 4);
  if (year < 0 || !take(text, "-")) return std::nullopt;
  const int month = take_number(text, 2);
  if (month < 0 || !take(text, "-")) return std::nullopt;
  const int day = take_number(text, 2);
  const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (day < 0 || !date.ok()) return std::nullopt;
  int64_t seconds = std::chrono::sys_days(date).time_since_epoch().count() * int64_t{86400};
  if (text.empty()) return seconds;

  if (!take(text, "T ")) return std::nullopt;
  const int hour = take_number(text, 2);
  if (hour < 0 || hour > 23 || !take(text, ":")) return std::nullopt;
  const int minute = take_number(text, 2);
  if (minute < 0 || minute > 59) return std::nullopt;
  int second = 0;
  if (take(text, ":")) second = take_number(text, 2);
  if (second < 0 || second > 60) return std::nullopt;
  if (take(text, ".")) {
    while (!text.empty() && text[0] >= '0' && text[0] <= '9') text.remove_prefix(1);
  }
  const std::optional<int64_t> offset = zone_offset(text);
  if (!offset) return std::nullopt;
  return seconds + hour * 3600 + minute * 60 + second - *offset;
}

int32_t year_of(int64_t seconds_since_1970) {
  const auto days =
      std::chrono::floor<std::chrono::days>(std::chrono::sys_seconds(std::chrono::seconds(seconds_since_1970)));
  return static_cast<int>(std::chrono::year_month_day(days).year());
}

}  // namespace atelier
