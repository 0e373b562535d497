// atelier config show | schema
#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

#include "configs/schema/reader.h"
#include "configs/schema/writer.h"
#include "tools/atelier/verbs.h"
#include "trainer/options/run_options.h"

namespace atelier {
namespace {

struct ShowArguments {
  std::string run;
  std::vector<std::string> overrides;
  bool plain = false;
};

void show(const ShowArguments& arguments) {
  const Node root = load_layers(arguments.run, arguments.overrides);
  RunOptions run;
  Section section;
  describe(section, run);
  read_section(section, root);
  check_run(run, /*for_training=*/false);
  std::cout << write_yaml(section, arguments.plain ? nullptr : &root);
}

}  // namespace

Verb verb_config_show() {
  return {"config show", "the resolved configuration, and where each value came from", [](CLI::App& app) {
            auto arguments = std::make_shared<ShowArguments>();
            app.add_option("RUN", arguments->run, "the run's YAML, or recipe:NAME")->required();
            app.add_option("OVERRIDES", arguments->overrides, "key.path=value ...");
            app.add_flag("--plain", arguments->plain, "leave out where values came from");
            return [arguments] { show(*arguments); };
          }};
}

Verb verb_config_schema() {
  return {"config schema", "JSON Schema of the YAML, for editors", [](CLI::App& app) {
            auto reference = std::make_shared<bool>(false);
            app.add_flag("--reference", *reference, "print the reference page (Markdown) instead");
            return [reference] {
              RunOptions run;
              Section section;
              describe(section, run);
              std::cout << (*reference ? write_reference(section, "Configuration reference")
                                       : write_json_schema(section, "Atelier run"));
            };
          }};
}

}  // namespace atelier
