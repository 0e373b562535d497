// Reads YAML into an options struct through its field list (configs/schema/field.h).
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "configs/schema/field.h"
#include "configs/schema/node.h"

namespace atelier {

/// The YAML at `path` with its `extends` layers under it and `overrides` ("train.seed=7", values in YAML) over it;
/// ${NAME} in scalars is expanded (unset: ConfigError, $${ stays ${). `path` may name a recipe that comes with the
/// program ("recipe:portraits").
Node load_layers(const std::filesystem::path& path, const std::vector<std::string>& overrides);

/// The keys that `name`, the value of a field with a recipe_folder, stands for. ConfigError if there is no such file.
Node load_recipe(const Field& field, const Node& name);

/// `above`'s values over `below`'s, key by key; lists are replaced.
void merge_over(Node& below, Node above);

/// Fills the described struct. Every fault is collected and thrown as one ConfigError, each with file:line, key, what
/// is allowed, and for an unknown key the nearest right one.
void read_section(Section& section, const Node& root);

/// load_layers + describe + read_section.
template <typename Options>
Options read_options(const std::filesystem::path& path, const std::vector<std::string>& overrides = {}) {
  Options options;
  Section section;
  describe(section, options);
  read_section(section, load_layers(path, overrides));
  return options;
}

}  // namespace atelier
