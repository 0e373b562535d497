#include "models/options/config_json.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "configs/base/atomic_file.h"
#include "configs/base/error.h"
#include "configs/base/text.h"

namespace atelier {

using nlohmann::json;

namespace {

constexpr int64_t kMostCount = 1 << 20;  // the product of two and a kernel's area is far from overflow

// Python writes a bare -Infinity, Infinity and NaN, which is no JSON: null in their place, which means "not given".
std::string without_infinities(std::string content) {
  bool in_string = false;
  for (size_t i = 0; i < content.size(); ++i) {
    if (content[i] == '"') in_string = !in_string;
    if (in_string && content[i] == '\\') ++i;
    if (in_string) continue;
    for (const std::string_view word : {"-Infinity", "Infinity", "NaN"}) {
      if (content.compare(i, word.size(), word) == 0) content.replace(i, word.size(), "null");
    }
  }
  return content;
}

}  // namespace

struct ConfigJson::Content {
  json object;

  /// nullptr if absent or null.
  const json* find(const std::string& key) const {
    const auto found = object.find(key);
    return found == object.end() || found->is_null() ? nullptr : &*found;
  }
};

ConfigJson::ConfigJson(const std::filesystem::path& path, std::string_view file_name)
    : file_(std::filesystem::is_directory(path) ? path / file_name : path), content_(std::make_unique<Content>()) {
  if (!std::filesystem::is_regular_file(file_)) {
    const bool pipeline = file_name == "model_index.json";
    throw WeightsError(text("there is no ", file_name), path.string(),
                       pipeline ? "name the folder of a whole diffusers pipeline, or a single .safetensors file"
                                : "name the folder of a diffusers component");
  }
  content_->object = json::parse(without_infinities(read_file(file_)), nullptr, /*allow_exceptions=*/false);
  if (!content_->object.is_object()) throw WeightsError("not a JSON object", file_.string());
}

ConfigJson::~ConfigJson() = default;

bool ConfigJson::has(const std::string& key) const { return content_->find(key) != nullptr; }

int64_t ConfigJson::integer(const std::string& key, int64_t fallback) const {
  const json* value = content_->find(key);
  if (!value) return fallback;
  if (!value->is_number_integer()) fail(key, "must be a whole number");
  return value->get<int64_t>();
}

int64_t ConfigJson::count(const std::string& key, int64_t fallback) const {
  const int64_t value = integer(key, fallback);
  if (value < 1 || value > kMostCount) fail(key, text("must be within 1..", kMostCount));
  return value;
}

double ConfigJson::number(const std::string& key, double fallback) const {
  const json* value = content_->find(key);
  if (!value) return fallback;
  if (!value->is_number()) fail(key, "must be a number");
  return value->get<double>();
}

bool ConfigJson::boolean(const std::string& key, bool fallback) const {
  const json* value = content_->find(key);
  if (!value) return fallback;
  if (!value->is_boolean()) fail(key, "must be true or false");
  return value->get<bool>();
}

std::string ConfigJson::string(const std::string& key, const std::string& fallback) const {
  const json* value = content_->find(key);
  if (!value) return fallback;
  if (!value->is_string()) fail(key, "must be a string");
  return value->get<std::string>();
}

std::string ConfigJson::choice(const std::string& key, const std::string& fallback,
                               const std::vector<std::string>& allowed) const {
  const std::string value = string(key, fallback);
  if (std::find(allowed.begin(), allowed.end(), value) == allowed.end()) {
    fail(key, text("must be one of ", join(allowed, ", ")));
  }
  return value;
}

std::vector<std::string> ConfigJson::strings(const std::string& key) const {
  std::vector<std::string> result;
  const json* value = content_->find(key);
  if (!value) return result;
  if (!value->is_array()) fail(key, "must be a list");
  for (const json& element : *value) {
    if (element.is_null()) continue;
    if (!element.is_string()) fail(key, "must be a list of strings");
    result.push_back(element.get<std::string>());
  }
  return result;
}

std::vector<int64_t> ConfigJson::counts(const std::string& key) const {
  const json* value = content_->find(key);
  if (!value) return {};
  std::vector<int64_t> result;
  for (const json& element : value->is_array() ? *value : json::array({*value})) {
    const int64_t number = element.is_number_integer() ? element.get<int64_t>() : 0;
    if (number < 1 || number > kMostCount) fail(key, text("must be whole and within 1..", kMostCount));
    result.push_back(number);
  }
  return result;
}

std::vector<double> ConfigJson::numbers(const std::string& key) const {
  const json* value = content_->find(key);
  if (!value) return {};
  const auto is_number = [](const json& element) { return element.is_number(); };
  if (!value->is_array() || !std::all_of(value->begin(), value->end(), is_number))
    fail(key, "must be a list of numbers");
  return value->get<std::vector<double>>();
}

std::vector<std::string> ConfigJson::keys() const {
  std::vector<std::string> result;
  for (const auto& [key, value] : content_->object.items()) result.push_back(key);
  return result;
}

void ConfigJson::require(const std::string& key, std::string_view value) const {
  const json* present = content_->find(key);
  if (present && *present != json::parse(value)) fail(key, text("not supported, only ", value));
}

void ConfigJson::require_off(const std::string& key, std::string_view harmless) const {
  const json* value = content_->find(key);
  if (!value || *value == json(false) || (value->is_number() && value->get<double>() == 0)) return;
  if (*value == json::parse(harmless)) return;
  fail(key, "is not supported");
}

void ConfigJson::fail(const std::string& key, std::string_view why) const {
  const json* value = content_->find(key);
  throw WeightsError(text("\"", key, "\" is ", value ? value->dump() : "absent", ": ", why), file_.string());
}

}  // namespace atelier
