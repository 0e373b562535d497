// Files that come with the program: recipes, tag lists, the CLIP vocabulary.
#pragma once

#include <filesystem>
#include <string_view>

namespace atelier {

/// The running program's own folder.
std::filesystem::path program_folder();

/// `relative` ("recipes/portraits.yaml", "clip/bpe_simple_vocab_16e6.txt.gz") under PREFIX/share/atelier beside the
/// installed program, or under build/share/atelier beside a program in a build folder. ConfigError if missing.
std::filesystem::path resource_path(std::string_view relative);

}  // namespace atelier
