#include "data/caption/paraphrases.h"

#include <cmath>
#include <cstdlib>

#include "configs/base/atomic_file.h"
#include "configs/base/error.h"
#include "configs/base/text.h"
#include "data/caption/tag_text.h"

namespace atelier {
namespace {

[[noreturn]] void fail(const std::string& what, const std::string& where) {
  throw ConfigError(what, where, "write: tag, tab, other words, and on wish tab, weight");
}

double weight_of(std::string_view field, const std::string& where) {
  const std::string number(field);
  char* end = nullptr;
  const double weight = std::strtod(number.c_str(), &end);
  if (number.empty() || *end || !std::isfinite(weight) || weight < 0) fail("not a weight: " + number, where);
  return weight;
}

}  // namespace

Paraphrases::Paraphrases(const ParaphraseOptions& options) {
  if (!options.dictionary) return;
  const std::string file = read_file(*options.dictionary);
  std::string_view content = file;
  if (content.starts_with("\xEF\xBB\xBF")) content.remove_prefix(3);
  if (!is_valid_utf8(content)) throw ConfigError("not UTF-8 text", *options.dictionary, "write it as UTF-8");
  int64_t number = 0;
  for (std::string_view line : split(content, '\n')) {
    const std::string where = text(*options.dictionary, ":", ++number);
    if (trim(line).empty() || line.starts_with("# ")) continue;
    if (line.ends_with('\r')) line.remove_suffix(1);
    const std::vector<std::string_view> fields = split(line, '\t');
    if (fields.size() < 2 || fields.size() > 3 || trim(fields[0]).empty()) fail("not a line of paraphrases", where);
    const std::string tag = tag_as_text(trim(fields[0]));
    const auto [entry, is_new] = variants_.try_emplace(tag);
    if (is_new && options.keep_original) entry->second.add(tag, 1);
    entry->second.add(std::string(trim(fields[1])), fields.size() == 3 ? weight_of(fields[2], where) : 1);
  }
}

const std::string* Paraphrases::draw(const std::string& tag, CounterRng& draws) const {
  const auto found = variants_.find(tag);
  return found == variants_.end() ? nullptr : &found->second.draw(draws);
}

}  // namespace atelier
