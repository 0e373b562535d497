// Where a verb writes a model or an adapter: what stands there is not lost by mistake.
#pragma once

#include <filesystem>
#include <initializer_list>

namespace atelier {

/// The folder that `path` names, absolute, without the slash that a shell's completion leaves at the end.
std::filesystem::path folder_path(const std::filesystem::path& path);

/// ConfigError if `out` is empty, exists while not `overwrite`, or is a folder that holds something but no model: it
/// would be replaced as a whole.
void require_free(const std::filesystem::path& out, bool overwrite);

/// ConfigError if writing `out` would remove one of `inputs`: it is that file or folder, or a folder around it.
void require_kept(const std::filesystem::path& out, std::initializer_list<std::filesystem::path> inputs);

/// ConfigError if the folder that `out` is to stand in does not exist.
void require_parent(const std::filesystem::path& out);

/// Whether `path` lies in `folder`, at any depth; links are followed.
bool lies_within(const std::filesystem::path& path, const std::filesystem::path& folder);

}  // namespace atelier
