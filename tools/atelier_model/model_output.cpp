#include "tools/atelier_model/model_output.h"

#include <algorithm>

#include "configs/base/error.h"
#include "configs/base/text.h"

namespace atelier {
namespace fs = std::filesystem;

fs::path folder_path(const fs::path& path) {
  const fs::path whole = fs::absolute(path).lexically_normal();
  return whole.has_filename() ? whole : whole.parent_path();
}

bool lies_within(const fs::path& path, const fs::path& folder) {
  const fs::path inner = folder_path(fs::weakly_canonical(path)), outer = folder_path(fs::weakly_canonical(folder));
  if (inner == outer) return false;
  return std::mismatch(outer.begin(), outer.end(), inner.begin(), inner.end()).first == outer.end();
}

void require_free(const fs::path& out, bool overwrite) {
  if (out.empty()) throw ConfigError("the output has no name", "command line", "name a file or a folder");
  if (!fs::exists(out)) return;
  if (!overwrite) {
    throw ConfigError("the output exists already", out.string(), "choose another name, or give --overwrite");
  }
  if (!fs::is_directory(out) || fs::is_empty(out) || fs::exists(out / "model_index.json")) return;
  throw ConfigError("this folder holds other things than a model, and all would be lost", out.string(),
                    "name a folder of the model's own in it");
}

void require_kept(const fs::path& out, const std::vector<fs::path>& inputs) {
  if (!fs::exists(out)) return;
  const bool is_folder = fs::is_directory(out);
  for (const fs::path& input : inputs) {
    if (!fs::exists(input)) continue;  // said where it is read
    const bool nested = is_folder ? lies_within(input, out) : lies_within(out, input);
    if (!nested && !fs::equivalent(input, out)) continue;
    throw ConfigError(text("the result would take the place of ", nested && !is_folder ? "a file of " : "",
                           input.string(), ", which it is made of"),
                      out.string(), "give the result another name");
  }
}

void require_file_place(const fs::path& out, const std::vector<fs::path>& inputs) {
  if (out.empty() || fs::is_directory(out)) {
    throw ConfigError(out.empty() ? "the output has no name" : "the output is a folder",
                      out.empty() ? "command line" : out.string(), "name a file");
  }
  require_parent(out);
  require_kept(out, inputs);
}

void require_parent(const fs::path& out) {
  const fs::path folder = folder_path(out).parent_path();
  if (!fs::is_directory(folder)) {
    throw ConfigError("the folder that it is to be written to does not exist", folder.string(), "make it first");
  }
}

}  // namespace atelier
