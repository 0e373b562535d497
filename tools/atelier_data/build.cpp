// atelier dataset build: scan the sources and bring the manifest up to date.
#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "configs/base/text.h"
#include "data/manifest/build.h"
#include "tools/atelier_data/verbs.h"
#include "trainer/options/run_options.h"

namespace atelier {
namespace {

struct BuildArguments {
  std::string run;
  std::vector<std::string> overrides;
};

void dataset_build(const BuildArguments& arguments) {
  const RunOptions run = read_run(arguments.run, arguments.overrides);
  const Manifest manifest = refresh_manifest(run.dataset.sources, manifest_dir(run), build_options(run.dataset));
  const SourceSummary total = manifest.summary().total();
  std::cout << "manifest   " << manifest_dir(run).string() << "\n"
            << "hash       " << manifest.summary().content_hash << "\n"
            << "read       " << grouped(total.read) << "\n"
            << "rows       " << grouped(total.rows) << "\n"
            << "tags       " << grouped(manifest.dictionary().size()) << "\n";
  if (total.excluded_minors) std::cout << "excluded   minors " << grouped(total.excluded_minors) << "\n";
  for (const auto& [reason, samples] : total.quarantined) {
    std::cout << "quarantine " << reason << " " << grouped(samples) << "\n";
  }
}

}  // namespace

Verb verb_build() {
  return {"dataset build", "scan the sources, (re)build the manifest", [](CLI::App& app) -> std::function<void()> {
            auto arguments = std::make_shared<BuildArguments>();
            app.add_option("run", arguments->run, "the run's YAML")->required()->type_name("RUN");
            app.add_option("overrides", arguments->overrides, "key.path=value")->type_name("KEY=VALUE");
            return [arguments] { dataset_build(*arguments); };
          }};
}

}  // namespace atelier
