#include "configs/schema/field.h"

#include <charconv>
#include <cmath>

#include "configs/base/error.h"
#include "configs/base/text.h"

namespace atelier {
namespace {

[[noreturn]] void wrong_type(const Node& node, std::string_view wanted) {
  std::string found = "a list";
  if (node.kind == Node::Kind::kScalar) found = "'" + node.scalar + "'";
  if (node.kind == Node::Kind::kMap) found = "a section";
  if (node.kind == Node::Kind::kNull) found = "null";
  throw ConfigError(text("expected ", wanted, ", found ", found), node.origin.str());
}

const std::string& scalar_of(const Node& node, std::string_view wanted) {
  if (node.kind != Node::Kind::kScalar) wrong_type(node, wanted);
  return node.scalar;
}

void convert(const Node& node, std::string& value) { value = scalar_of(node, "text"); }

void convert(const Node& node, bool& value) {
  const std::string word = lower_ascii(scalar_of(node, "true or false"));
  if (node.quoted || (word != "true" && word != "false" && word != "yes" && word != "no")) {
    wrong_type(node, "true or false");
  }
  value = word == "true" || word == "yes";
}

void convert(const Node& node, double& value) {
  const std::string& word = scalar_of(node, "a number");
  const char* first = word.data();
  const char* last = first + word.size();
  if (first != last && *first == '+') ++first;
  double parsed = 0;
  const auto [end, error] = std::from_chars(first, last, parsed);
  if (node.quoted || error != std::errc() || end != last || !std::isfinite(parsed)) wrong_type(node, "a number");
  value = parsed;
}

void convert(const Node& node, int64_t& value) {
  const std::string& word = scalar_of(node, "a whole number");
  int64_t parsed = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), parsed);
  if (!node.quoted && error == std::errc() && end == word.data() + word.size()) {
    value = parsed;
    return;
  }
  // 1e6 and 2.0 are whole numbers too.
  double number = 0;
  try {
    convert(node, number);
  } catch (const ConfigError&) {
    wrong_type(node, "a whole number");
  }
  if (number != std::floor(number) || std::abs(number) > 9.0e15) wrong_type(node, "a whole number");
  value = static_cast<int64_t>(number);
}

template <typename T>
void convert(const Node& node, std::optional<T>& value) {
  if (node.kind == Node::Kind::kNull) return value.reset();
  T inner{};
  convert(node, inner);
  value = std::move(inner);
}

template <typename T>
void convert(const Node& node, std::vector<T>& value) {
  value.clear();
  if (node.kind == Node::Kind::kNull) return;
  if (node.kind == Node::Kind::kScalar) {
    convert(node, value.emplace_back());
    return;
  }
  if (node.kind != Node::Kind::kList) wrong_type(node, "a list");
  for (const Node& element : node.list) convert(element, value.emplace_back());
}

void convert(const Node& node, std::map<std::string, double>& value) {
  value.clear();
  if (node.kind == Node::Kind::kNull) return;
  if (node.kind != Node::Kind::kMap) wrong_type(node, "a section of name: number");
  for (const auto& [key, element] : node.map) convert(element, value[key]);
}

Node present(bool value) { return Node::of(value ? "true" : "false"); }
Node present(int64_t value) { return Node::of(std::to_string(value)); }
Node present(double value) { return Node::of(shortest(value)); }
Node present(const std::string& value) { return Node::of(value, true); }

template <typename T>
Node present(const std::optional<T>& value) {
  return value ? present(*value) : Node{};
}

template <typename T>
Node present(const std::vector<T>& value) {
  Node node;
  node.kind = Node::Kind::kList;
  for (const T& element : value) node.list.push_back(present(element));
  return node;
}

Node present(const std::map<std::string, double>& value) {
  Node node;
  node.kind = Node::Kind::kMap;
  for (const auto& [key, number] : value) node.map.emplace_back(key, present(number));
  return node;
}

template <typename T>
void bind(Field& field, T& value) {
  field.set = [&value](const Node& node) { convert(node, value); };
  field.get = [&value] { return present(value); };
}

}  // namespace

Field& Section::add(std::string key, Field::Kind kind) {
  fields_.push_back(std::make_shared<Field>());
  fields_.back()->key = std::move(key);
  fields_.back()->kind = kind;
  return *fields_.back();
}

Field* Section::find(const std::string& key) const {
  for (const auto& field : fields_) {
    if (field->key == key) return field.get();
    for (const std::string& other : field->also) {
      if (other == key) return field.get();
    }
  }
  return nullptr;
}

#define ATELIER_FIELD(TYPE, KIND, ELEMENT, NULLABLE)          \
  FieldBuilder Section::field(std::string key, TYPE& value) { \
    Field& added = add(std::move(key), Field::Kind::KIND);    \
    added.element = Field::Kind::ELEMENT;                     \
    added.nullable = NULLABLE;                                \
    bind(added, value);                                       \
    return FieldBuilder(added);                               \
  }

ATELIER_FIELD(bool, kBool, kBool, false)
ATELIER_FIELD(int64_t, kInteger, kInteger, false)
ATELIER_FIELD(double, kNumber, kNumber, false)
ATELIER_FIELD(std::string, kString, kString, false)
ATELIER_FIELD(std::optional<bool>, kBool, kBool, true)
ATELIER_FIELD(std::optional<int64_t>, kInteger, kInteger, true)
ATELIER_FIELD(std::optional<double>, kNumber, kNumber, true)
ATELIER_FIELD(std::optional<std::string>, kString, kString, true)
ATELIER_FIELD(std::vector<int64_t>, kList, kInteger, false)
ATELIER_FIELD(std::vector<double>, kList, kNumber, false)
ATELIER_FIELD(std::vector<std::string>, kList, kString, false)
using NumberMap = std::map<std::string, double>;
ATELIER_FIELD(NumberMap, kMap, kNumber, false)
#undef ATELIER_FIELD

}  // namespace atelier
