#include "configs/schema/reader.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "configs/base/error.h"
#include "configs/base/text.h"

namespace atelier {
namespace {

/// Walks a tree along a field list and keeps every fault.
class SectionReader {
 public:
  void read(Section& section, const Node& node, const std::string& prefix) {
    if (node.kind == Node::Kind::kNull) return;
    if (node.kind != Node::Kind::kMap) return fail(node, prefix, "expected a section of key: value");
    read_recipes(section, node, prefix);
    std::map<const Field*, const Node*> seen;  // fields have further names
    for (const auto& [key, value] : node.map) {
      const std::string full = prefix.empty() ? key : prefix + "." + key;
      Field* field = section.find(key);
      if (!field) {
        fail_unknown(section, value, key, full);
        continue;
      }
      const Node*& earlier = seen[field];
      if (earlier && earlier->origin.file == value.origin.file) {
        fail(value, full, "another name of a key that stands at " + earlier->origin.str() + " already", "keep one");
      }
      earlier = &value;
      if (field->inherited.empty()) {
        read_field(*field, value, full);
      } else {
        read_field(*field, with_inherited(*field, value, node), full);
      }
    }
  }

  void finish() const {
    if (faults_.empty()) return;
    if (faults_.size() == 1) throw ConfigError(faults_[0].what, faults_[0].where, faults_[0].hint);
    std::string all = text(faults_.size(), " mistakes in the configuration");
    for (const Fault& fault : faults_) {
      all += "\n" + fault.where + ": " + fault.what;
      if (!fault.hint.empty()) all += " (" + fault.hint + ")";
    }
    throw ConfigError(all);
  }

 private:
  struct Fault {
    std::string what, where, hint;
  };

  /// The keys that recipes stand for, before those of the section itself.
  void read_recipes(Section& section, const Node& node, const std::string& prefix) {
    for (const auto& field : section.fields()) {
      const Node* name = field->recipe_folder.empty() ? nullptr : node.find(field->key);
      if (!name || name->kind != Node::Kind::kScalar) continue;
      const std::string key = prefix.empty() ? field->key : prefix + "." + field->key;
      try {
        Node recipe = load_recipe(*field, *name);
        if (const Node* further = recipe.find(field->key)) {
          fail(*further, key, "a recipe cannot name another", "use 'extends'");
        } else {
          read(section, recipe, prefix);
        }
      } catch (const ConfigError& error) {
        fail(*name, key, error.summary(), error.hint());
      }
    }
  }

  /// `list` with what its elements' sections take over from the section of the same name in `parent`.
  static Node with_inherited(const Field& field, Node list, const Node& parent) {
    const Node* common = parent.find(field.inherited);
    if (!common || common->kind != Node::Kind::kMap) return list;
    for (Node& element : list.list) {
      Node* own = element.kind == Node::Kind::kMap ? element.find(field.inherited) : nullptr;
      if (!own || own->kind != Node::Kind::kMap || own->find("recipe")) continue;
      Node merged = *common;
      merge_over(merged, std::move(*own));
      *own = std::move(merged);
    }
    return list;
  }

  void read_field(Field& field, const Node& node, const std::string& key) {
    switch (field.kind) {
      case Field::Kind::kSection: return read_nested(field, node, key);
      case Field::Kind::kSectionList: return read_list(field, node, key);
      default: break;
    }
    try {
      const Node checked = field.is_path ? with_folder(field, node) : node;
      if (node.kind == Node::Kind::kNull && !field.nullable && field.kind != Field::Kind::kList &&
          field.kind != Field::Kind::kMap) {
        return fail(node, key, "null is not allowed here");
      }
      check_range(field, checked, key);
      field.set(checked);
    } catch (const ConfigError& error) {
      fail(node, key, error.summary());
    }
  }

  void read_nested(Field& field, const Node& node, const std::string& key) {
    if (field.set_present) field.set_present(node.kind != Node::Kind::kNull);
    if (field.section && node.kind != Node::Kind::kNull) read(*field.section, node, key);
  }

  void read_list(Field& field, const Node& node, const std::string& key) {
    field.clear_elements();
    if (node.kind == Node::Kind::kNull) return;
    if (node.kind != Node::Kind::kList) return fail(node, key, "expected a list (lines beginning with '-')");
    for (size_t i = 0; i < node.list.size(); ++i) field.append_element();
    const auto elements = field.elements();  // described once all of them stand still
    for (size_t i = 0; i < elements.size(); ++i) read(*elements[i], node.list[i], text(key, "[", i, "]"));
  }

  static bool is_choice(const Field& field, const std::string& word) {
    return std::find(field.choices.begin(), field.choices.end(), word) != field.choices.end();
  }

  /// A relative path in a file is relative to that file.
  static Node with_folder(const Field& field, const Node& node) {
    Node out = node;
    if (node.kind == Node::Kind::kScalar && !node.origin.folder.empty() && !node.scalar.empty() &&
        !is_choice(field, node.scalar)) {
      const std::filesystem::path path(node.scalar);
      if (path.is_relative() && node.scalar.find("://") == std::string::npos) {
        out.scalar = (std::filesystem::path(node.origin.folder) / path).lexically_normal().string();
      }
    }
    for (Node& element : out.list) element = with_folder(field, element);
    return out;
  }

  void check_range(const Field& field, const Node& node, const std::string& key) {
    for (const Node& element : node.list) check_range(field, element, key);
    for (const auto& [name, element] : node.map) check_range(field, element, key + "." + name);
    if (node.kind != Node::Kind::kScalar) return;
    if (!field.choices.empty() && !field.is_path && !is_choice(field, node.scalar)) {
      const std::string near = nearest_word(node.scalar, field.choices);
      fail(node, key, "'" + node.scalar + "' is not one of " + join(field.choices, ", "),
           near.empty() ? "" : "did you mean '" + near + "'?");
      return;
    }
    const Field::Kind kind =
        field.kind == Field::Kind::kList || field.kind == Field::Kind::kMap ? field.element : field.kind;
    if (kind != Field::Kind::kInteger && kind != Field::Kind::kNumber) return;
    char* end = nullptr;
    const double number = std::strtod(node.scalar.c_str(), &end);
    if (end == node.scalar.c_str()) return;                              // the type fault is told by set()
    if (!(number < field.minimum) && !(number > field.maximum)) return;  // no number is a type fault, too
    const std::string unit = field.unit.empty() ? "" : " " + field.unit;
    if (std::isinf(field.maximum)) {
      fail(node, key, text(node.scalar, " is below the least value ", shortest(field.minimum), unit));
    } else {
      fail(node, key,
           text(node.scalar, " is outside ", shortest(field.minimum), " to ", shortest(field.maximum), unit));
    }
  }

  void fail_unknown(const Section& section, const Node& node, const std::string& key, const std::string& full) {
    std::vector<std::string> known;
    for (const auto& field : section.fields()) known.push_back(field->key);
    const std::string near = nearest_word(key, known);
    fail(node, full, "unknown key", near.empty() ? "known here: " + join(known, ", ") : "did you mean '" + near + "'?");
  }

  void fail(const Node& node, const std::string& key, const std::string& what, const std::string& hint = {}) {
    const std::string where = node.origin.str() + (key.empty() ? "" : ": " + key);
    for (const Fault& fault : faults_) {
      if (fault.where == where) return;  // one word a place
    }
    faults_.push_back({what, where, hint});
  }

  std::vector<Fault> faults_;
};

}  // namespace

void read_section(Section& section, const Node& root) {
  SectionReader reader;
  reader.read(section, root, "");
  reader.finish();
}

}  // namespace atelier
