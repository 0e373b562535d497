// A hash of what training sees of a batch of posts.
#pragma once

#include <string>

namespace arrow {
class RecordBatch;
}

namespace atelier {

/// Of values, not of how they are laid out. Paths, places in files and times of change are left out: file sizes stand
/// for the pictures' content. `batch`: of posts_schema().
std::string content_hash_of(const arrow::RecordBatch& batch);

}  // namespace atelier
