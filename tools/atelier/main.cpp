// The program people type. Light verbs run here; the others are execv'ed, so that signals, exit codes and launchers go
// straight through (docs/architecture.md).
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "configs/base/error.h"
#include "configs/base/resources.h"
#include "configs/base/text.h"
#include "tools/atelier/verbs.h"

namespace atelier {
namespace {

struct Route {
  std::string_view verb;     // one or two words
  std::string_view program;  // empty: here
  std::string_view summary;
};

constexpr std::array kRoutes = {
    Route{"dataset build", "atelier-data", "scan the sources, (re)build the manifest"},
    Route{"dataset stats", "atelier-data", "statistics of posts: tables, report.html, report.json"},
    Route{"dataset plan", "atelier-data", "dry run: steps, buckets, balance, exposure"},
    Route{"dataset captions", "atelier-data", "the captions as training will see them"},
    Route{"dataset dedup", "atelier-data", "groups of exact and near duplicates"},
    Route{"dataset verify", "atelier-data", "decode every picture, list the bad ones"},
    Route{"dataset cache", "atelier-train", "encode pictures and captions once, into files that training reads"},
    Route{"train", "atelier-train", "train, or resume, a run"},
    Route{"sample", "atelier-model", "pictures from a model"},
    Route{"model inspect", "", "what is inside a weight file or model folder"},
    Route{"model convert", "atelier-model", "a checkpoint to the other layout or another number type"},
    Route{"model encode", "atelier-model", "prompts to what the UNet is told, as tensors"},
    Route{"model eval", "atelier-model", "one forward (and backward) of a component on given tensors"},
    Route{"model merge", "atelier-model", "LoRA and its kin into the weights of a model"},
    Route{"model extract-lora", "atelier-model", "the difference of two checkpoints as a LoRA"},
    Route{"model resize-lora", "atelier-model", "a LoRA at another rank"},
    Route{"model tokenize", "atelier-data", "text to CLIP token ids"},
    Route{"config show", "", "the resolved configuration, and where each value came from"},
    Route{"config schema", "", "JSON Schema of the YAML, for editors"},
};

std::string table_line(const Route& route) {
  std::string line(route.verb);
  line.resize(20, ' ');
  return line + std::string(route.summary) + "\n";
}

void print_help() {
  std::string help =
      "Atelier trains SDXL on tagged pictures: from posts to a .safetensors file.\n\n"
      "Usage: atelier VERB ... [--help] [--log-level LEVEL] [--quiet]\n\n";
  for (const Route& route : kRoutes) help += "  " + table_line(route);
  help +=
      "\nA RUN is a YAML file, or recipe:NAME; key.path=value after it overrides.\n"
      "Exit codes: 0 done, 1 unexpected, 2 your input, 3 the data, 4 the machine, 130/143 interrupted.\n";
  std::fputs(help.c_str(), stdout);
}

const Route* find_route(const std::string& first, const std::string& second) {
  for (const Route& route : kRoutes) {
    if (route.verb == first || route.verb == first + " " + second) return &route;
  }
  return nullptr;
}

/// The verbs that begin with `first` ("dataset"), or all, for the error of an unknown one.
[[noreturn]] void fail_unknown(const std::string& first, const std::string& second) {
  std::vector<std::string> verbs, family;
  for (const Route& route : kRoutes) {
    verbs.emplace_back(route.verb);
    if (route.verb.starts_with(first + " ")) family.emplace_back(route.verb);
  }
  const std::string typed = second.empty() || second.starts_with("-") ? first : first + " " + second;
  if (!family.empty())
    throw ConfigError("unknown verb '" + typed + "'", "command line", "one of: " + join(family, ", "));
  std::string near = nearest_word(typed, verbs);
  if (near.empty()) near = nearest_word(first, verbs);  // "trian run.yaml"
  throw ConfigError("unknown verb '" + typed + "'", "command line",
                    near.empty() ? "atelier --help lists the verbs" : "did you mean '" + near + "'?");
}

/// `atelier dataset`, `atelier model --help`: the verbs of one family. False if there is no such family.
bool print_family(const std::string& first, const std::string& second) {
  if (!second.empty() && second != "--help" && second != "-h") return false;
  bool any = false;
  for (const Route& route : kRoutes) {
    if (!route.verb.starts_with(first + " ")) continue;
    std::printf("  %s", table_line(route).c_str());
    any = true;
  }
  return any;
}

[[noreturn]] void execute(std::string_view program, char** argv) {
  const std::string path = (program_folder() / program).string();
  // OpenMP's threads spin while they wait, by default for milliseconds: ruinous as soon as anything else wants a core
  // (the workers that decode pictures, another rank). Not spinning at all costs a wake-up an operation. A short spin
  // was the best both on an idle and on a busy machine (docs/benchmarks.md). Read when the library is loaded: hence
  // here.
  if (!std::getenv("OMP_WAIT_POLICY")) ::setenv("GOMP_SPINCOUNT", "20000", /*overwrite=*/0);
  ::execv(path.c_str(), argv);
  throw ConfigError(text("cannot start ", program, ": ", std::strerror(errno)), path,
                    "build it (tools/setup), or install with cmake --install");
}

int run(int argc, char** argv) {
  const std::string first = argc > 1 ? argv[1] : "--help";
  const std::string second = argc > 2 ? argv[2] : "";
  if (first == "--help" || first == "-h" || first == "help") {
    print_help();
    return 0;
  }
  if (first == "--version") {
    std::puts("atelier " ATELIER_VERSION);
    return 0;
  }
  const Route* route = find_route(first, second);
  if (!route && print_family(first, second)) return 0;
  if (!route) fail_unknown(first, second);
  if (!route->program.empty()) execute(route->program, argv);
  return run_program(argc, argv, "Atelier", {verb_config_show(), verb_config_schema(), verb_inspect()});
}

}  // namespace
}  // namespace atelier

int main(int argc, char** argv) {
  try {
    return atelier::run(argc, argv);
  } catch (const atelier::Error& error) {
    std::fputs(atelier::format_error(error).c_str(), stderr);
    return static_cast<int>(error.exit_code());
  }
}
