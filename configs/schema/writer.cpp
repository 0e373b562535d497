#include "configs/schema/writer.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "configs/base/text.h"

namespace atelier {
namespace {

/// A scalar as YAML text: quoted only where it would be read as something else.
std::string yaml_scalar(const Node& node) {
  const std::string& value = node.scalar;
  if (!node.quoted) return value;
  static const std::vector<std::string> kWords = {"true", "false", "yes", "no", "null", "~", "on", "off"};
  const std::string lower = lower_ascii(value);
  bool plain = !value.empty() && trim(value).size() == value.size() &&
               value.find_first_of("#:{}[],&*!|>'\"%@`\n\t\\$") == std::string::npos && value[0] != '-' &&
               value[0] != '?';
  for (const std::string& word : kWords) plain = plain && lower != word;
  char* end = nullptr;
  std::strtod(value.c_str(), &end);
  if (plain && (end == value.c_str() || *end != '\0')) return value;
  std::string quoted = nlohmann::json(value).dump();  // JSON strings are YAML strings
  for (size_t at = quoted.find("${"); at != std::string::npos; at = quoted.find("${", at + 3)) quoted.insert(at, "$");
  return quoted;
}

std::string yaml_inline(const Node& node) {
  switch (node.kind) {
    case Node::Kind::kNull: return "null";
    case Node::Kind::kScalar: return yaml_scalar(node);
    case Node::Kind::kList: {
      std::vector<std::string> parts;
      for (const Node& element : node.list) parts.push_back(yaml_inline(element));
      return "[" + join(parts, ", ") + "]";
    }
    case Node::Kind::kMap: break;
  }
  std::vector<std::string> parts;
  for (const auto& [key, value] : node.map)
    parts.push_back(yaml_scalar(Node::of(key, true)) + ": " + yaml_inline(value));
  return "{" + join(parts, ", ") + "}";
}

class YamlWriter {
 public:
  explicit YamlWriter(bool with_origins) : with_origins_(with_origins) {}

  void section(const Section& section, const Node* node, size_t indent) {
    for (const auto& field : section.fields()) {
      const Node* below = node ? node->find(field->key) : nullptr;
      for (size_t i = 0; !below && node && i < field->also.size(); ++i) below = node->find(field->also[i]);
      put_field(*field, below, indent);
    }
  }

  std::string take() { return std::move(out_); }

 private:
  void put_field(const Field& field, const Node* node, size_t indent) {
    const std::string pad(indent, ' ');
    if (field.kind == Field::Kind::kSection) {
      if (field.is_present && !field.is_present()) return line(pad + field.key + ": null", node);
      out_ += pad + field.key + ":\n";
      return section(*field.section, node, indent + 2);
    }
    if (field.kind == Field::Kind::kSectionList) return put_list(field, node, indent);
    line(pad + field.key + ": " + yaml_inline(field.get()), node);
  }

  void put_list(const Field& field, const Node* node, size_t indent) {
    const auto elements = field.elements();
    if (elements.empty()) return line(std::string(indent, ' ') + field.key + ": []", node);
    out_ += std::string(indent, ' ') + field.key + ":\n";
    for (size_t i = 0; i < elements.size(); ++i) {
      const size_t begin = out_.size();
      section(*elements[i], node && i < node->list.size() ? &node->list[i] : nullptr, indent + 4);
      out_[begin + indent + 2] = '-';  // the first line of an element carries its dash
    }
  }

  void line(std::string content, const Node* node) {
    if (with_origins_) {
      content.resize(std::max<size_t>(content.size() + 2, 56), ' ');
      content += "# " + (node ? node->origin.str() : "default");
    }
    out_ += content + "\n";
  }

  bool with_origins_;
  std::string out_;
};

const char* json_type(Field::Kind kind) {
  switch (kind) {
    case Field::Kind::kBool: return "boolean";
    case Field::Kind::kInteger: return "integer";
    case Field::Kind::kNumber: return "number";
    case Field::Kind::kString: return "string";
    case Field::Kind::kList:
    case Field::Kind::kSectionList: return "array";
    case Field::Kind::kMap:
    case Field::Kind::kSection: break;
  }
  return "object";
}

nlohmann::ordered_json schema_of(const Section& section);

nlohmann::ordered_json scalar_schema(const Field& field, Field::Kind kind) {
  nlohmann::ordered_json out;
  out["type"] = json_type(kind);
  if (std::isfinite(field.minimum)) out["minimum"] = field.minimum;
  if (std::isfinite(field.maximum)) out["maximum"] = field.maximum;
  if (!field.choices.empty() && !field.is_path) out["enum"] = field.choices;
  return out;
}

/// A described default of an absent optional section, for documents.
std::shared_ptr<Section> documented_section(const Field& field) {
  if (!field.is_present || field.is_present()) return field.section;
  field.set_present(true);
  return field.section;
}

nlohmann::ordered_json schema_of(const Field& field) {
  nlohmann::ordered_json out;
  if (field.kind == Field::Kind::kSection) {
    const bool absent = field.is_present && !field.is_present();
    out = schema_of(*documented_section(field));
    if (absent) field.set_present(false);
  } else if (field.kind == Field::Kind::kSectionList) {
    field.append_element();
    out = {{"type", "array"}, {"items", schema_of(*field.elements().back())}};
    field.clear_elements();
  } else if (field.kind == Field::Kind::kList) {
    const auto element = scalar_schema(field, field.element);
    out["anyOf"] = {element, {{"type", "array"}, {"items", element}}};
  } else if (field.kind == Field::Kind::kMap) {
    out = {{"type", "object"}, {"additionalProperties", scalar_schema(field, field.element)}};
  } else {
    out = scalar_schema(field, field.kind);
  }
  if (field.nullable && out.contains("type")) out["type"] = {out["type"], "null"};
  out["description"] = field.doc + (field.unit.empty() ? "" : " [" + field.unit + "]");
  return out;
}

nlohmann::ordered_json schema_of(const Section& section) {
  nlohmann::ordered_json properties = nlohmann::ordered_json::object();
  for (const auto& field : section.fields()) {
    properties[field->key] = schema_of(*field);
    for (const std::string& other : field->also) properties[other] = properties[field->key];
  }
  return {{"type", "object"}, {"additionalProperties", false}, {"properties", properties}};
}

std::string type_text(const Field& field) {
  if (!field.choices.empty()) return (field.is_path ? "path or `" : "`") + join(field.choices, "` `") + "`";
  std::string name = json_type(field.kind);
  if (field.kind == Field::Kind::kList) name = std::string("list of ") + json_type(field.element);
  if (field.kind == Field::Kind::kMap) name = std::string("name: ") + json_type(field.element);
  return name;
}

std::string range_text(const Field& field) {
  if (std::isfinite(field.minimum) && std::isfinite(field.maximum)) {
    return shortest(field.minimum) + " to " + shortest(field.maximum);
  }
  if (std::isfinite(field.minimum)) return "at least " + shortest(field.minimum);
  return std::isfinite(field.maximum) ? "at most " + shortest(field.maximum) : "";
}

void reference_table(const Section& section, const std::string& title, const std::string& doc, std::string& out) {
  out += "## " + title + "\n\n" + (doc.empty() ? "" : doc + "\n\n");
  out += "| key | type | default | range | unit | meaning |\n| --- | --- | --- | --- | --- | --- |\n";
  for (const auto& field : section.fields()) {
    if (field->kind == Field::Kind::kSection || field->kind == Field::Kind::kSectionList) continue;
    out += "| `" + field->key + "` | " + type_text(*field) + " | `" + yaml_inline(field->get()) + "` | " +
           range_text(*field) + " | " + field->unit + " | " + field->doc + " |\n";
  }
  out += "\n";
  for (const auto& field : section.fields()) {
    const std::string name = title == "run" ? field->key : title + "." + field->key;
    if (field->kind == Field::Kind::kSection) {
      const bool absent = field->is_present && !field->is_present();
      reference_table(*documented_section(*field), name, field->doc, out);
      if (absent) field->set_present(false);
    } else if (field->kind == Field::Kind::kSectionList) {
      field->append_element();
      reference_table(*field->elements().back(), name + "[]", field->doc, out);
      field->clear_elements();
    }
  }
}

}  // namespace

std::string write_yaml(const Section& section, const Node* root) {
  YamlWriter writer(root != nullptr);
  writer.section(section, root, 0);
  return writer.take();
}

std::string write_json_schema(const Section& section, const std::string& title) {
  nlohmann::ordered_json out = {{"$schema", "https://json-schema.org/draft/2020-12/schema"}, {"title", title}};
  out.update(schema_of(section));
  out["properties"]["extends"] = {{"type", {"string", "array"}}, {"description", "YAML files layered under this one."}};
  return out.dump(2) + "\n";
}

std::string write_reference(const Section& section, const std::string& title) {
  std::string out = "# " + title + "\n\n";
  reference_table(section, "run", "", out);
  return out;
}

}  // namespace atelier
