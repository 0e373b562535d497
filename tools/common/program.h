// What every program shares: verbs, common options, error blocks and exit codes (docs/cli.md).
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace atelier {

/// One verb of a program ("dataset plan"). `declare` adds its arguments to the parser (variables it binds must outlive
/// the call: keep them in a shared_ptr) and returns what to run after parsing.
struct Verb {
  std::string name;     // words separated by one space
  std::string summary;  // one line
  std::function<std::function<void()>(CLI::App&)> declare;
};

/// Parses, installs the signal handlers, runs the verb; prints errors as one block on stderr; returns the exit code.
/// Adds --log-level and --quiet to every verb.
int run_program(int argc, char** argv, const std::string& description, const std::vector<Verb>& verbs);

}  // namespace atelier
