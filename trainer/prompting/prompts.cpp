#include "trainer/prompting/prompts.h"

#include <array>
#include <charconv>
#include <cmath>

#include "configs/base/atomic_file.h"
#include "configs/base/error.h"
#include "configs/base/text.h"
#include "models/schedulers/samplers.h"

namespace atelier {
namespace {

constexpr int64_t kSideUnit = 8, kMostSide = 16384;  // px
constexpr int64_t kMostSteps = 1000;
constexpr double kMostGuidance = 1000;

// A whole number of 0 and above that fills `value`; ConfigError without a place otherwise.
uint64_t parse_whole(std::string_view value) {
  uint64_t number = 0;
  const auto parsed = std::from_chars(value.data(), value.data() + value.size(), number);
  if (parsed.ec != std::errc() || parsed.ptr != value.data() + value.size()) {
    throw ConfigError(text('"', value, "\" is no whole number of 0 or above"));
  }
  return number;
}

int64_t parse_whole(std::string_view value, int64_t low, int64_t high) {
  const uint64_t number = parse_whole(value);
  if (number < static_cast<uint64_t>(low) || number > static_cast<uint64_t>(high)) {
    throw ConfigError(text(number, " is not within ", low, "..", high));
  }
  return static_cast<int64_t>(number);
}

int64_t parse_side(std::string_view value) {
  const int64_t side = parse_whole(value, kSideUnit, kMostSide);
  if (side % kSideUnit != 0) throw ConfigError(text("a side of ", side, " px: sides are multiples of ", kSideUnit));
  return side;
}

double parse_guidance(std::string_view value) {
  double number = 0;
  const auto parsed = std::from_chars(value.data(), value.data() + value.size(), number);
  if (parsed.ec != std::errc() || parsed.ptr != value.data() + value.size()) {
    throw ConfigError(text('"', value, "\" is no number"));
  }
  if (!(number >= 0 && number <= kMostGuidance)) throw ConfigError(text(value, " is not within 0..", kMostGuidance));
  return number;
}

std::vector<uint64_t> parse_seeds(std::string_view value) {
  std::vector<uint64_t> seeds;
  for (const std::string_view part : split(value, ',')) seeds.push_back(parse_whole(trim(part)));
  return seeds;
}

std::string parse_sampler(std::string_view value) {
  return std::string(find_sampler(value, SchedulerOptions()).name);  // ConfigError if there is no such
}

struct PromptFlag {
  std::string_view name;
  void (*set)(PromptLine& line, std::string_view value);
};

constexpr std::array<PromptFlag, 13> kFlags{{
    {"n", [](PromptLine& line, std::string_view value) { line.negative_prompt = value; }},
    {"w", [](PromptLine& line, std::string_view value) { line.options.width = parse_side(value); }},
    {"h", [](PromptLine& line, std::string_view value) { line.options.height = parse_side(value); }},
    {"d", [](PromptLine& line, std::string_view value) { line.seeds = parse_seeds(value); }},
    {"l", [](PromptLine& line, std::string_view value) { line.options.guidance_scale = parse_guidance(value); }},
    {"s", [](PromptLine& line, std::string_view value) { line.options.steps = parse_whole(value, 1, kMostSteps); }},
    {"ss", [](PromptLine& line, std::string_view value) { line.options.sampler = parse_sampler(value); }},
    {"ow", [](PromptLine& line, std::string_view v) { line.options.original_width = parse_whole(v, 1, kMostSide); }},
    {"oh", [](PromptLine& line, std::string_view v) { line.options.original_height = parse_whole(v, 1, kMostSide); }},
    {"nw",
     [](PromptLine& line, std::string_view v) { line.options.negative_original_width = parse_whole(v, 1, kMostSide); }},
    {"nh", [](PromptLine& line,
              std::string_view v) { line.options.negative_original_height = parse_whole(v, 1, kMostSide); }},
    {"ct", [](PromptLine& line, std::string_view v) { line.options.crop_top = parse_whole(v, 0, kMostSide); }},
    {"cl", [](PromptLine& line, std::string_view v) { line.options.crop_left = parse_whole(v, 0, kMostSide); }},
}};

const PromptFlag& find_flag(std::string_view name) {
  std::vector<std::string> known;
  for (const PromptFlag& flag : kFlags) {
    if (flag.name == name) return flag;
    known.push_back(text("--", flag.name));
  }
  throw ConfigError(text("unknown flag --", name), "", text("known in a line: ", join(known, " ")));
}

// "w 512" -> the flag's setting in `line`.
void apply_flag(std::string_view part, PromptLine& line) {
  const size_t end = std::min(part.find_first_of(" \t"), part.size());
  const std::string name = lower_ascii(part.substr(0, end));
  const PromptFlag& flag = find_flag(name);
  try {
    flag.set(line, trim(part.substr(end)));
  } catch (const ConfigError& error) {
    throw ConfigError(text("--", name, ": ", error.summary()), "", error.hint());
  }
}

// Pieces between " --"; the first is the prompt.
std::vector<std::string_view> flag_parts(std::string_view line) {
  constexpr std::string_view kMark = " --";
  std::vector<std::string_view> parts;
  for (size_t at = line.find(kMark); at != std::string_view::npos; at = line.find(kMark)) {
    parts.push_back(line.substr(0, at));
    line.remove_prefix(at + kMark.size());
  }
  parts.push_back(line);
  return parts;
}

}  // namespace

PromptLine parse_prompt_line(std::string_view line, const PromptLine& defaults, const std::string& where) {
  const std::vector<std::string_view> parts = flag_parts(trim(line));
  PromptLine result = defaults;
  result.prompt = trim(parts.front());
  if (result.prompt.starts_with("--")) throw ConfigError("a line begins with its prompt, flags follow", where);
  try {
    for (size_t i = 1; i < parts.size(); ++i) apply_flag(parts[i], result);
  } catch (const ConfigError& error) {
    throw ConfigError(error.summary(), where, error.hint());
  }
  return result;
}

std::vector<PromptLine> read_prompts(const std::filesystem::path& file, const PromptLine& defaults) {
  std::vector<PromptLine> prompts;
  const std::string content = read_file(file);
  if (!is_valid_utf8(content)) throw ConfigError("the file is no UTF-8 text", file.string());
  std::string_view rest = content;
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (rest.starts_with(kByteOrderMark)) rest.remove_prefix(kByteOrderMark.size());
  int64_t number = 0;
  for (const std::string_view line : split(rest, '\n')) {
    ++number;
    const std::string_view prompt = trim(line);
    if (prompt.empty() || prompt.front() == '#') continue;
    prompts.push_back(parse_prompt_line(prompt, defaults, text(file.string(), ':', number)));
  }
  if (prompts.empty()) throw ConfigError("the file holds no prompt", file.string(), "write one prompt a line");
  return prompts;
}

void append_shots(const PromptLine& line, uint64_t seed, int64_t count, std::vector<Shot>& shots) {
  std::vector<uint64_t> seeds = line.seeds;
  if (seeds.size() < 2) {
    const uint64_t first = seeds.empty() ? seed : seeds.front();
    seeds.clear();
    for (int64_t i = 0; i < count; ++i) seeds.push_back(first + static_cast<uint64_t>(i));
  }
  for (const uint64_t each : seeds) shots.push_back({line.prompt, line.negative_prompt, each, line.options});
}

}  // namespace atelier
