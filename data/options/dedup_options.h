// What counts as the same picture twice (`dataset.select.dedup`).
#pragma once

#include <string>

#include "configs/schema/field.h"

namespace atelier {

struct DedupOptions {
  std::string method = "none";
  double threshold = 0.07;
  bool keep_variants = true;
};

inline void describe(Section& section, DedupOptions& options) {
  section.field("method", options.method)
      .choices({"none", "exact", "near"})
      .doc(
          "Which pictures are taken once: none: all are kept; exact: equal files and equal pixels; near: also those "
          "that look alike. The best of a group stays: not deleted, most pixels, most bytes a pixel, best score.");
  section.field("threshold", options.threshold)
      .range(0, 0.2)
      .doc(
          "near: share of the 256 bits of the difference hash (16 x 16, of the grey picture) that may differ. 0.07 "
          "finds re-encoded and resized copies.");
  section.field("keep_variants", options.keep_variants)
      .doc(
          "near: posts that the site holds for variants of each other, parent and children, are not duplicates: they "
          "differ in what someone meant to show.");
}

}  // namespace atelier
