// What a plan is made of: the usable pictures, column by column.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace atelier {

/// What the plan knows of a source of pictures.
struct PlanSource {
  double repeats = 1;   // multiply those that balance gives
  bool is_reg = false;  // regularisation pictures: not balanced, as many samples an epoch as all others together
};

struct PlanInput {
  /// One division of the rows into classes, for balance.
  struct Marginal {
    std::string by;
    std::vector<std::string> classes;    // names
    std::vector<uint32_t> class_of_row;  // indices into classes
  };

  std::vector<uint32_t> rows;            // of the manifest, ascending
  std::vector<int32_t> widths, heights;  // px, after EXIF orientation
  std::vector<uint16_t> source_of_row;   // indices into sources
  std::vector<PlanSource> sources = {{}};
  std::vector<Marginal> marginals;  // at least one: BalanceOptions' own, then those of `rake`
  /// Posts that carry the rarest tag of the row that counts for repeat factors, 0: it has none. Empty: not asked for.
  std::vector<uint32_t> rarest_tag_posts;

  int64_t size() const { return static_cast<int64_t>(rows.size()); }
  /// Of an index into `rows`.
  bool is_reg(size_t row) const { return sources[source_of_row[row]].is_reg; }
};

}  // namespace atelier
