// What lies where in a tar, without unpacking it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "data/files/file_bytes.h"

namespace atelier {

struct TarMember {
  std::string name;
  int64_t offset = 0;  // of its content
  int64_t size_bytes = 0;
};

struct TarListing {
  std::vector<TarMember> members;  // the regular files, in their order
  std::string damage;              // why the list ends before the archive does; empty: it does not
  int64_t damage_offset = 0;
};

/// Of a ustar, GNU or pax archive, local or remote: headers are read, contents are not. Where a file NAME.json of the
/// form {"filesize", "files": {"member": {"offset", "size"}}} lies beside NAME.tar and fits it, not even headers.
TarListing list_tar(const std::string& path, const FileBytes& bytes);

}  // namespace atelier
