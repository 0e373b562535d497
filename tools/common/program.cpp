#include "tools/common/program.h"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <new>

#include "configs/base/error.h"
#include "configs/base/interrupt.h"
#include "configs/base/log.h"

namespace atelier {
namespace {

constexpr const char* kSeeHelp = "see --help of the verb";

struct CommonOptions {
  std::string level = "info";
  bool quiet = false;
};

/// The parser of `name` ("dataset plan"), its parents made on the way.
CLI::App* add_verb(CLI::App& program, const Verb& verb) {
  CLI::App* parent = &program;
  const std::vector<std::string_view> words = split(verb.name, ' ');
  for (size_t i = 0; i < words.size(); ++i) {
    const std::string word(words[i]);
    const auto known = parent->get_subcommands([&](const CLI::App* app) { return app->get_name() == word; });
    CLI::App* child =
        known.empty() ? parent->add_subcommand(word, i + 1 == words.size() ? verb.summary : "") : known[0];
    parent->require_subcommand(0, 1);
    parent = child;
  }
  return parent;
}

int report(const Error& error) {
  std::fputs(format_error(error).c_str(), stderr);
  return static_cast<int>(error.exit_code());
}

/// torch's allocators throw exceptions of their own; they are told by their words, so that this file needs no torch.
bool tells_of_memory(const std::exception& error) {
  const std::string_view what = error.what();
  return dynamic_cast<const std::bad_alloc*>(&error) || what.find("can't allocate memory") != std::string_view::npos ||
         what.find("out of memory") != std::string_view::npos;
}

template <typename Body>
int guarded(Body body) {
  try {
    body();
    if (!std::cout.flush() || std::fflush(stdout) != 0) throw MachineError("cannot write to the standard output");
    return static_cast<int>(ExitCode::kOk);
  } catch (const Error& error) {
    return report(error);
  } catch (const std::filesystem::filesystem_error& error) {
    const bool full = error.code() == std::errc::no_space_on_device;
    return report(Error(full ? ExitCode::kMachine : ExitCode::kUser, "cannot use the path: " + error.code().message(),
                        error.path1().string(), ""));
  } catch (const std::exception& error) {
    if (tells_of_memory(error)) {
      return report(
          MachineError("out of memory", "", "use a smaller batch, fewer workers, or a machine with more memory"));
    }
    return report(Error(ExitCode::kUnexpected, error.what(), "",
                        "this is likely a bug: please report it with the command and its output"));
  }
}

}  // namespace

int run_program(int argc, char** argv, const std::string& description, const std::vector<Verb>& verbs) {
  CLI::App program{description, "atelier"};
  auto common = std::make_shared<CommonOptions>();
  std::vector<std::pair<CLI::App*, std::function<void()>>> bodies;
  for (const Verb& verb : verbs) {
    CLI::App* app = add_verb(program, verb);
    std::function<void()> body = verb.declare(*app);
    app->add_option("--log-level", common->level, "debug, info, warning, error or off")->type_name("LEVEL");
    app->add_flag("--quiet", common->quiet, "only warnings and errors on stderr");
    bodies.emplace_back(app, std::move(body));
  }
  program.require_subcommand(1);
  try {
    program.parse(argc, argv);
  } catch (const CLI::RequiredError& error) {
    // A mistyped option says more than the argument it may have swallowed.
    for (const std::string& word : program.remaining(/*recurse=*/true)) {
      if (word.starts_with('-')) return report(ConfigError("unknown option " + word, "command line", kSeeHelp));
    }
    return report(ConfigError(error.what(), "command line", kSeeHelp));
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return program.exit(error);  // --help
    return report(ConfigError(error.what(), "command line", kSeeHelp));
  }
  return guarded([&] {
    set_log_level(common->quiet ? LogLevel::kWarning : parse_log_level(common->level));
    install_interrupt_handlers();
    for (auto& [app, body] : bodies) {
      if (app->parsed()) body();
    }
  });
}

}  // namespace atelier
