// Where a verb writes: what stands there is not lost by mistake.
#pragma once

#include <filesystem>
#include <vector>

namespace atelier {

/// The folder that `path` names, absolute, without the slash that a shell's completion leaves at the end.
std::filesystem::path folder_path(const std::filesystem::path& path);

/// ConfigError if `out` is empty, exists while not `overwrite`, or is a folder that holds something but no model: it
/// would be replaced as a whole.
void require_free(const std::filesystem::path& out, bool overwrite);

/// ConfigError if writing `out` would remove one of `inputs` or a file of it: `out` is that file or folder, a folder
/// around it, or a file within it.
void require_kept(const std::filesystem::path& out, const std::vector<std::filesystem::path>& inputs);

/// ConfigError if the folder that `out` is to stand in does not exist.
void require_parent(const std::filesystem::path& out);

/// For the verbs that replace a file without asking, before they begin: ConfigError if `out` has no name or is a
/// folder, and as require_kept() and require_parent().
void require_file_place(const std::filesystem::path& out, const std::vector<std::filesystem::path>& inputs);

/// Whether `path` lies in `folder`, at any depth; links are followed.
bool lies_within(const std::filesystem::path& path, const std::filesystem::path& folder);

}  // namespace atelier
