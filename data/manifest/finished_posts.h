// From spilled rows to posts.arrow: full record batches, tags by category, people, counts and the hash.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "data/manifest/source_rows.h"
#include "data/post/person_class.h"

namespace atelier {

/// Everything that a row needs besides itself.
struct FinishingContext {
  const PostSpill& spill;
  const TagMerger::Finished& tags;
  const PersonClassifier& people;
};

/// Writes `file` and adds to the sources what is counted of rows, and where their pictures lie. Returns the hash of
/// what training sees of the posts; it and the file are the same for any number of threads.
std::string write_posts(std::vector<SourceRows>& sources, const FinishingContext& context,
                        const std::filesystem::path& file);

}  // namespace atelier
