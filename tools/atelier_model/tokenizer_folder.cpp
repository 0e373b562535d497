#include "tools/atelier_model/tokenizer_folder.h"

#include <nlohmann/json.hpp>

#include "configs/base/atomic_file.h"
#include "configs/base/resources.h"
#include "data/caption/clip_tokenizer.h"
#include "data/caption/clip_vocabulary.h"

namespace atelier {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kStart = "<|startoftext|>";
constexpr const char* kEnd = "<|endoftext|>";

Json special_token(const char* content) {
  return {{"content", content}, {"lstrip", false}, {"normalized", true}, {"rstrip", false}, {"single_word", false}};
}

Json special_tokens(const char* pad) {
  return {{"bos_token", special_token(kStart)},
          {"eos_token", special_token(kEnd)},
          {"pad_token", pad},
          {"unk_token", special_token(kEnd)}};
}

Json tokenizer_config(const char* pad) {
  Json config = {
      {"add_prefix_space", false}, {"clean_up_tokenization_spaces", true},       {"do_lower_case", true},
      {"errors", "replace"},       {"model_max_length", ClipTokenizer::kLength}, {"tokenizer_class", "CLIPTokenizer"}};
  const Json tokens = special_tokens(pad);
  for (const auto& [key, value] : tokens.items()) {
    config[key] = value;
    if (value.is_object()) config[key]["__type"] = "AddedToken";
  }
  return config;
}

}  // namespace

void write_tokenizer_folder(const std::filesystem::path& folder, int encoder) {
  const ClipVocabularyText vocabulary = read_clip_vocabulary_text(resource_path("clip/bpe_simple_vocab_16e6.txt.gz"));
  nlohmann::json ids;  // sorted: its ordered sister looks through all keys for each new one
  for (size_t id = 0; id < vocabulary.names.size(); ++id) ids[vocabulary.names[id]] = id;
  std::string merges = "#version: 0.2\n";
  for (const std::string& merge : vocabulary.merges) merges += merge + "\n";

  const char* pad = encoder == 1 ? kEnd : "!";
  std::filesystem::create_directories(folder);
  write_file_atomically(folder / "vocab.json", ids.dump());
  write_file_atomically(folder / "merges.txt", merges);
  write_file_atomically(folder / "special_tokens_map.json", special_tokens(pad).dump(2) + "\n");
  write_file_atomically(folder / "tokenizer_config.json", tokenizer_config(pad).dump(2) + "\n");
}

}  // namespace atelier
