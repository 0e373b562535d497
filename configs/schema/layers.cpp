// YAML files and overrides -> one tree (the only file that sees yaml-cpp's parser).
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cstdlib>
#include <set>

#include "configs/base/atomic_file.h"
#include "configs/base/error.h"
#include "configs/base/resources.h"
#include "configs/base/text.h"
#include "configs/schema/reader.h"

namespace atelier {
namespace fs = std::filesystem;
namespace {

constexpr std::string_view kRecipe = "recipe:";
constexpr int kMaxLayers = 16;
constexpr int kMaxDepth = 64;  // an anchor that holds itself would never end

/// ${NAME} replaced by the environment's value; $${ stays ${.
std::string expand(const std::string& scalar, const Origin& origin) {
  std::string out;
  for (size_t i = 0; i < scalar.size();) {
    if (scalar.compare(i, 3, "$${") == 0) {
      out += "${";
      i += 3;
    } else if (scalar.compare(i, 2, "${") == 0) {
      const size_t end = scalar.find('}', i);
      if (end == std::string::npos) throw ConfigError("'${' without '}'", origin.str(), "write $${ for a plain ${");
      const std::string name = scalar.substr(i + 2, end - i - 2);
      const char* value = std::getenv(name.c_str());
      if (!value) {
        throw ConfigError("the environment variable " + name + " is not set", origin.str(),
                          "export " + name + "=..., or write $${ for a plain ${");
      }
      out += value;
      i = end + 1;
    } else {
      out += scalar[i++];
    }
  }
  return out;
}

Node convert_yaml(const YAML::Node& yaml, const Origin& place, int depth = 0) {
  Node node;
  node.origin = place;
  const bool from_file = !place.folder.empty();
  if (from_file && !yaml.Mark().is_null()) node.origin.line = yaml.Mark().line + 1;
  if (depth > kMaxDepth) throw ConfigError("lists and sections are nested too deep", node.origin.str());
  switch (yaml.Type()) {
    case YAML::NodeType::Scalar:
      node.kind = Node::Kind::kScalar;
      node.quoted = yaml.Tag() == "!";
      node.scalar = expand(yaml.Scalar(), node.origin);
      break;
    case YAML::NodeType::Sequence:
      node.kind = Node::Kind::kList;
      for (const auto& element : yaml) node.list.push_back(convert_yaml(element, place, depth + 1));
      break;
    case YAML::NodeType::Map: {
      node.kind = Node::Kind::kMap;
      std::set<std::string> seen;
      for (const auto& entry : yaml) {
        if (!entry.first.IsScalar()) throw ConfigError("a key must be a word", node.origin.str());
        const std::string key = entry.first.Scalar();
        Node value = convert_yaml(entry.second, place, depth + 1);
        if (from_file) value.origin.line = entry.first.Mark().line + 1;
        if (!seen.insert(key).second) throw ConfigError("the key '" + key + "' stands twice", value.origin.str());
        node.map.emplace_back(key, std::move(value));
      }
      break;
    }
    default: break;
  }
  return node;
}

YAML::Node parse(const std::string& content, const std::string& name, const std::string& hint) {
  if (!is_valid_utf8(content)) throw ConfigError("not UTF-8 text", name, "write it as UTF-8");
  try {
    std::vector<YAML::Node> documents = YAML::LoadAll(content);
    std::erase_if(documents, [](const YAML::Node& document) { return document.IsNull(); });
    if (documents.size() > 1) throw ConfigError("more than one YAML document", name, "take out the '---' between them");
    return documents.empty() ? YAML::Node() : documents[0];
  } catch (const YAML::Exception& error) {
    const std::string where = error.mark.is_null() ? name : text(name, ":", error.mark.line + 1);
    throw ConfigError("not valid YAML: " + error.msg, where, hint);
  }
}

/// The recipe `name`, or a ConfigError that lists those there are.
fs::path recipe_path(const std::string& name) {
  const fs::path folder = resource_path("recipes");
  std::vector<std::string> names;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() == ".yaml") names.push_back(entry.path().stem().string());
  }
  std::sort(names.begin(), names.end());
  if (std::find(names.begin(), names.end(), name) == names.end()) {
    throw ConfigError("no such recipe: " + name, folder.string(), "one of: " + join(names, ", "));
  }
  return folder / (name + ".yaml");
}

fs::path resolve(const fs::path& path, const fs::path& folder) {
  const std::string name = path.string();
  if (name.starts_with(kRecipe)) return recipe_path(name.substr(kRecipe.size()));
  return path.is_absolute() || folder.empty() ? path : folder / path;
}

/// The names in an `extends`.
std::vector<std::string> layer_names(const Node& extends) {
  const std::vector<Node> one = {extends};
  std::vector<std::string> names;
  for (const Node& layer : extends.kind == Node::Kind::kList ? extends.list : one) {
    if (layer.kind != Node::Kind::kScalar || layer.scalar.empty()) {
      throw ConfigError("'extends' names a YAML file, or a list of them", extends.origin.str());
    }
    names.push_back(layer.scalar);
  }
  return names;
}

/// `named_at`: the `extends` that asks for it; empty for the run's own YAML.
Node load_file(const fs::path& path, int depth, const std::string& named_at) {
  if (depth > kMaxLayers) throw ConfigError("'extends' goes round in a circle", path.string());
  if (!fs::exists(path)) {
    const std::string where = named_at.empty() ? path.string() : text(path.string(), ", named at ", named_at);
    throw ConfigError("no such file", where, named_at.empty() ? "give the path of a run's YAML" : "correct 'extends'");
  }
  const Origin place{path.string(), 0, fs::absolute(path).parent_path().string()};
  Node node = convert_yaml(parse(read_file(path), path.string(), "check indentation, colons and quotes"), place);
  if (node.kind == Node::Kind::kNull) node.kind = Node::Kind::kMap;
  if (node.kind != Node::Kind::kMap) throw ConfigError("a run's YAML is a list of key: value", path.string());
  const auto extends = std::find_if(node.map.begin(), node.map.end(), [](auto& e) { return e.first == "extends"; });
  if (extends == node.map.end()) return node;
  const std::vector<std::string> layers = layer_names(extends->second);
  const std::string here = extends->second.origin.str();
  node.map.erase(extends);
  Node merged;
  merged.kind = Node::Kind::kMap;
  for (const std::string& layer : layers) {
    merge_over(merged, load_file(resolve(layer, place.folder), depth + 1, here));
  }
  merge_over(merged, std::move(node));
  return merged;
}

/// "train.seed=7" as a tree with one leaf.
Node parse_override(const std::string& argument) {
  const size_t equals = argument.find('=');
  if (equals == std::string::npos || equals == 0) {
    throw ConfigError("not an override: '" + argument + "'", "command line",
                      "write key.path=value, e.g. train.learning_rate=1e-4");
  }
  const Origin place{"command line: " + argument, 0, ""};
  if (argument.compare(equals + 1, 1, "#") == 0) {
    throw ConfigError("everything behind '#' is a comment", place.file, "quote the value: 'key.path=\"#ffffff\"'");
  }
  Node node =
      convert_yaml(parse(argument.substr(equals + 1), "command line: " + argument, "the value is read as YAML"), place);
  const std::vector<std::string_view> keys = split(std::string_view(argument).substr(0, equals), '.');
  for (auto key = keys.rbegin(); key != keys.rend(); ++key) {
    Node parent;
    parent.kind = Node::Kind::kMap;
    parent.origin = node.origin;
    parent.map.emplace_back(std::string(*key), std::move(node));
    node = std::move(parent);
  }
  return node;
}

}  // namespace

void merge_over(Node& below, Node above) {
  if (below.kind != Node::Kind::kMap || above.kind != Node::Kind::kMap) {
    below = std::move(above);
    return;
  }
  for (auto& [key, value] : above.map) {
    if (Node* existing = below.find(key)) {
      merge_over(*existing, std::move(value));
    } else {
      below.map.emplace_back(key, std::move(value));
    }
  }
}

Node load_recipe(const Field& field, const Node& name) {
  const bool comes_along = std::find(field.choices.begin(), field.choices.end(), name.scalar) != field.choices.end();
  const fs::path path = comes_along ? resource_path(field.recipe_folder + "/" + name.scalar + ".yaml")
                                    : resolve(name.scalar, name.origin.folder);
  if (!comes_along && !fs::exists(path)) {
    throw ConfigError("no such recipe: " + name.scalar, name.origin.str(),
                      "one of " + join(field.choices, ", ") + ", or the path of a YAML");
  }
  return load_file(path, 0, name.origin.str());
}

Node load_layers(const fs::path& path, const std::vector<std::string>& overrides) {
  Node root = load_file(resolve(path, ""), 0, "");
  for (const std::string& argument : overrides) merge_over(root, parse_override(argument));
  return root;
}

}  // namespace atelier
