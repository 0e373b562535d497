// Options back to text: the resolved YAML, its JSON Schema, its reference page.
#pragma once

#include <string>

#include "configs/schema/field.h"

namespace atelier {

/// YAML of all present values, defaults filled in. With `origins`, each line says where its value came from, taken from
/// `root` (absent there: default). Reading the result again gives the same options.
std::string write_yaml(const Section& section, const Node* root = nullptr);

/// JSON Schema (draft 2020-12) for editors.
std::string write_json_schema(const Section& section, const std::string& title);

/// Markdown: one table a section, with key, type, default, range, unit and doc (docs/reference/config.md).
std::string write_reference(const Section& section, const std::string& title);

}  // namespace atelier
