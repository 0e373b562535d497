#include "data/options/select_options.h"

namespace atelier {

void describe(Section& section, SelectOptions& options) {
  section.field("min_side", options.min_side).at_least(0).unit("px").doc("Neither side may be below it.");
  section.field("min_megapixels", options.min_megapixels).at_least(0).unit("Mpx").doc("Least width x height.");
  section.field("max_megapixels", options.max_megapixels).at_least(0).unit("Mpx").doc("Greatest width x height.");
  section.field("max_aspect", options.max_aspect).at_least(1).doc("Greatest longer side / shorter side.");
  section.field("ratings", options.ratings)
      .choices({"general", "safe", "sensitive", "questionable", "explicit", "unknown"})
      .doc("Only posts of these ratings; empty keeps all. `safe` is what `s` meant in old dumps.");
  section.field("min_score", options.min_score).doc("Least score; posts without a score are left out then.");
  section.field("min_year", options.min_year)
      .doc("First year of creation (UTC); posts without a date are left out then.");
  section.field("max_year", options.max_year)
      .doc("Last year of creation (UTC); posts without a date are left out then.");
  section.field("tags", options.tags)
      .doc(
          "Tag expression: `a b` both, `a | b` either, `!a` not, parentheses, `*` within a tag stands for any letters, "
          "quotes around a tag with spaces. Example: `1girl !comic (solo | *_focus)`.");
  section.field("opt_out_artists", options.opt_out_artists)
      .path()
      .doc("File of artists who do not want to be trained on, one tag a line, `#` starts a comment.");
  section.field("max_bad_samples", options.max_bad_samples)
      .at_least(0)
      .doc(
          "More quarantined samples than this (unreadable pictures or captions, bad lines) end the run; null: any "
          "number is only reported.");
}

}  // namespace atelier
