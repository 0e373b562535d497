// One field list an options struct gives everything: reading, defaults, ranges, units, documentation, `config show`,
// JSON Schema. A struct is described by a free function beside it:
//
//   struct BucketOptions {
//     int64_t resolution = 1024;
//   };
//   inline void describe(Section& section, BucketOptions& options) {
//     section.field("resolution", options.resolution)
//         .range(64, 8192).unit("px").doc("Side of the square whose area every bucket has.");
//   }
//
// The section binds to the struct's members by reference: the struct must outlive it.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "configs/schema/node.h"

namespace atelier {

class Section;

/// A described member: what may stand there, and how it gets into the struct and out of it.
struct Field {
  enum class Kind { kBool, kInteger, kNumber, kString, kList, kMap, kSection, kSectionList };

  std::string key;
  std::string doc;
  std::string unit;
  Kind kind = Kind::kString;
  Kind element = Kind::kString;  // of a list or map
  bool nullable = false;
  bool is_path = false;  // relative to the YAML that names it
  /// Not empty: the value names a YAML in this folder of resources, or one of the user's, with keys of the section that
  /// are read before those that stand beside this one.
  std::string recipe_folder;
  double minimum = -std::numeric_limits<double>::infinity();
  double maximum = std::numeric_limits<double>::infinity();
  std::vector<std::string> choices;

  /// Converts and stores; ConfigError (with the node's origin) on a wrong type. Ranges and choices are the reader's.
  std::function<void(const Node&)> set;
  /// The present value.
  std::function<Node()> get;
  /// kSection: its fields.
  std::shared_ptr<Section> section;
  /// kSectionList: removes all elements; appends a default one and describes it.
  std::function<void()> clear_elements;
  std::function<std::shared_ptr<Section>()> append_element;
  /// kSectionList: the present elements, described. kSection that is optional: makes it present.
  std::function<std::vector<std::shared_ptr<Section>>()> elements;
  std::function<void(bool)> set_present;  // optional sections
  std::function<bool()> is_present;
  /// kSectionList: a section of the elements whose keys begin as those of the section of this name beside the list.
  std::string inherited;
  /// Further names that are read as this one ("lr" for learning_rate); never written.
  std::vector<std::string> also;
};

/// Fluent finishing of one field.
class FieldBuilder {
 public:
  explicit FieldBuilder(Field& field) : field_(field) {}
  FieldBuilder& doc(std::string text) {
    field_.doc = std::move(text);
    return *this;
  }
  FieldBuilder& unit(std::string text) {
    field_.unit = std::move(text);
    return *this;
  }
  /// Inclusive.
  FieldBuilder& range(double minimum, double maximum) {
    field_.minimum = minimum, field_.maximum = maximum;
    return *this;
  }
  FieldBuilder& at_least(double minimum) {
    field_.minimum = minimum;
    return *this;
  }
  FieldBuilder& choices(std::vector<std::string> names) {
    field_.choices = std::move(names);
    return *this;
  }
  FieldBuilder& also(std::string name) {
    field_.also.push_back(std::move(name));
    return *this;
  }
  /// A file or folder: a relative one is relative to the YAML that names it, `current_directory` if it is given on the
  /// command line. With choices(): one of those words, or a path.
  FieldBuilder& path() {
    field_.is_path = true;
    return *this;
  }
  /// Names a YAML whose keys are the section's defaults: one of choices() in `folder` of the resources, or a path.
  FieldBuilder& recipe(std::string folder) {
    field_.recipe_folder = std::move(folder);
    return *this;
  }
  /// For a list of sections: what an element's section `key` does not say, the section `key` beside the list says,
  /// unless the element's names a recipe of its own.
  FieldBuilder& inherits(std::string key) {
    field_.inherited = std::move(key);
    return *this;
  }

 private:
  Field& field_;
};

/// The described members of one struct, in the order they are shown.
class Section {
 public:
  FieldBuilder field(std::string key, bool& value);
  FieldBuilder field(std::string key, int64_t& value);
  FieldBuilder field(std::string key, double& value);
  FieldBuilder field(std::string key, std::string& value);
  /// null in YAML is nullopt.
  FieldBuilder field(std::string key, std::optional<bool>& value);
  FieldBuilder field(std::string key, std::optional<int64_t>& value);
  FieldBuilder field(std::string key, std::optional<double>& value);
  FieldBuilder field(std::string key, std::optional<std::string>& value);
  /// A single scalar is read as a list of one.
  FieldBuilder field(std::string key, std::vector<int64_t>& value);
  FieldBuilder field(std::string key, std::vector<double>& value);
  FieldBuilder field(std::string key, std::vector<std::string>& value);
  FieldBuilder field(std::string key, std::map<std::string, double>& value);

  /// A nested struct, described by its own describe().
  template <typename Options>
  FieldBuilder section(std::string key, Options& options) {
    auto inner = std::make_shared<Section>();
    describe(*inner, options);
    Field& added = add(std::move(key), Field::Kind::kSection);
    added.section = std::move(inner);
    return FieldBuilder(added);
  }

  /// A nested struct that may be absent (`network:`).
  template <typename Options>
  FieldBuilder section(std::string key, std::optional<Options>& options) {
    Field& added = add(std::move(key), Field::Kind::kSection);
    added.nullable = true;
    added.set_present = [&options, &added = *last_shared()](bool present) {
      if (!present) return options.reset();
      if (!options) options.emplace();
      added.section = std::make_shared<Section>();
      describe(*added.section, *options);
    };
    added.is_present = [&options] { return options.has_value(); };
    if (options) added.set_present(true);
    return FieldBuilder(added);
  }

  /// A list of structs (`sources:`).
  template <typename Options>
  FieldBuilder sections(std::string key, std::vector<Options>& list) {
    Field& added = add(std::move(key), Field::Kind::kSectionList);
    added.clear_elements = [&list] { list.clear(); };
    // Elements may move when the list grows: append all first, describe afterwards (elements()).
    added.append_element = [&list] {
      list.emplace_back();
      auto inner = std::make_shared<Section>();
      describe(*inner, list.back());
      return inner;
    };
    added.elements = [&list] {
      std::vector<std::shared_ptr<Section>> all;
      for (Options& options : list) {
        all.push_back(std::make_shared<Section>());
        describe(*all.back(), options);
      }
      return all;
    };
    return FieldBuilder(added);
  }

  const std::vector<std::shared_ptr<Field>>& fields() const { return fields_; }
  /// By key or by a further name; nullptr if unknown.
  Field* find(const std::string& key) const;

 private:
  Field& add(std::string key, Field::Kind kind);
  std::shared_ptr<Field> last_shared() const { return fields_.back(); }

  std::vector<std::shared_ptr<Field>> fields_;  // addresses stay: builders and closures hold them
};

}  // namespace atelier
