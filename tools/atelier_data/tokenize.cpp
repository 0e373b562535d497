// atelier model tokenize: one text a line -> a JSON list of token ids a line.
#include <CLI/CLI.hpp>
#include <fstream>
#include <iostream>
#include <memory>
#include <string>

#include "configs/base/error.h"
#include "configs/base/interrupt.h"
#include "data/caption/clip_tokenizer.h"
#include "tools/atelier_data/verbs.h"

namespace atelier {
namespace {

struct TokenizeArguments {
  std::string file = "-";
  int encoder = 1;
};

std::string json_list(const std::vector<int32_t>& ids) {
  std::string out = "[";
  for (const int32_t id : ids) out += std::to_string(id) + ", ";
  out.resize(out.size() - 2);
  return out + "]\n";
}

/// Lines end at \n alone; a last line without it counts.
void tokenize_lines(std::istream& in, const std::string& name) {
  const ClipTokenizer tokenizer;
  for (std::string line; std::getline(in, line);) std::cout << json_list(tokenizer.encode(line));
  if (in.bad()) throw ConfigError("cannot read", name);
}

void tokenize(const TokenizeArguments& arguments) {
  std::ios::sync_with_stdio(false);
  restore_default_signals();
  if (arguments.file == "-") return tokenize_lines(std::cin, "standard input");
  std::ifstream in(arguments.file, std::ios::binary);
  if (!in) throw ConfigError("cannot open", arguments.file);
  tokenize_lines(in, arguments.file);
}

}  // namespace

Verb verb_tokenize() {
  return {"model tokenize", "token ids of texts, one text a line", [](CLI::App& app) -> std::function<void()> {
            auto arguments = std::make_shared<TokenizeArguments>();
            app.add_option("file", arguments->file, "texts, one a line; - is the standard input")->type_name("FILE");
            app.add_option("--encoder", arguments->encoder,
                           "1 or 2: the ids are the same, they differ in how they are padded for training")
                ->check(CLI::IsMember({1, 2}));
            return [arguments] { tokenize(*arguments); };
          }};
}

}  // namespace atelier
