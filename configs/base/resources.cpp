#include "configs/base/resources.h"

#include "configs/base/error.h"

namespace atelier {
namespace fs = std::filesystem;

fs::path program_folder() {
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  return error ? fs::current_path() : program.parent_path();
}

fs::path resource_path(std::string_view relative) {
  const fs::path share = program_folder().parent_path() / "share" / "atelier";
  const fs::path path = share / relative;
  if (fs::exists(path)) return path;
  throw ConfigError("a file that comes with the program is missing", path.string(),
                    "run tools/setup again, or install with cmake --install");
}

}  // namespace atelier
