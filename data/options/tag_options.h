// What tags mean besides their names (`dataset.tags`).
#pragma once

#include <string>

#include "configs/schema/field.h"

namespace atelier {

struct TagOptions {
  std::string aliases = "danbooru";
  std::string implications = "danbooru";
  std::string categories = "danbooru";
};

inline void describe(Section& section, TagOptions& options) {
  section.field("aliases", options.aliases)
      .choices({"danbooru", "none"})
      .path()
      .doc(
          "Other names of tags, which are read as the names they stand for: Danbooru's, none, or a table (.tsv) with "
          "the columns antecedent, consequent and, on wish, status and updated. Of rows that contradict each other the "
          "later one counts.");
  section.field("implications", options.implications)
      .choices({"danbooru", "none"})
      .path()
      .doc("Tags that a post has because it has others: Danbooru's, none, or a table like that of aliases.");
  section.field("categories", options.categories)
      .choices({"danbooru", "none"})
      .path()
      .doc(
          "Whether a tag is an artist, a character, a copyright or meta, where its source does not say: Danbooru's "
          "list, none, or a table with the columns name and category (.tsv).");
}

}  // namespace atelier
