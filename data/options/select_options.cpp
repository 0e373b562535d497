#include "data/options/select_options.h"

#include "data/image/image_info.h"

namespace atelier {

void describe(Section& section, OptOutOptions& options) {
  section.field("artists", options.artists).path().doc("File of tags, one a line; `#` starts a comment.");
  section.field("sources", options.sources)
      .path()
      .doc(
          "File of web addresses, one a line: posts whose source is one of them or lies below it; `*` stands for any "
          "letters.");
  section.field("posts", options.posts).path().doc("File of ids or md5s, one a line.");
}

void describe(Section& section, SelectOptions& options) {
  section.section("opt_out", options.opt_out)
      .doc(
          "Lists of those who do not want to be trained on. Posts that the site bans at their artist's wish are left "
          "out without a list.");
  section.field("min_side", options.min_side).at_least(0).unit("px").doc("Neither side may be below it.");
  section.field("min_megapixels", options.min_megapixels).at_least(0).unit("Mpx").doc("Least width x height.");
  section.field("max_megapixels", options.max_megapixels).at_least(0).unit("Mpx").doc("Greatest width x height.");
  section.field("max_aspect", options.max_aspect).at_least(1).doc("Greatest longer side / shorter side.");
  section.field("min_bytes_per_pixel", options.min_bytes_per_pixel)
      .at_least(0)
      .unit("B/px")
      .doc("Least file size / (width x height): leaves out what is compressed too far.");
  section.field("max_bytes_per_pixel", options.max_bytes_per_pixel)
      .at_least(0)
      .unit("B/px")
      .doc("Greatest file size / (width x height).");
  section.field("formats", options.formats)
      .choices({kImageFormatNames.begin(), kImageFormatNames.end()})
      .doc("Only files of these formats, told by content; empty keeps all.");
  section.field("ratings", options.ratings)
      .choices({"general", "safe", "sensitive", "questionable", "explicit", "unknown"})
      .doc("Only posts of these ratings; empty keeps all. `safe` is what `s` meant in old dumps.");
  section.field("keep_deleted", options.keep_deleted).doc("false: posts that the site has deleted are left out.");
  section.field("keep_pending", options.keep_pending)
      .doc("false: posts that wait for approval, or are flagged, are left out.");
  section.field("min_fav_count", options.min_fav_count)
      .at_least(0)
      .doc("Least number of users who like it; posts that do not say it are left out then.");
  section.field("min_score", options.min_score).doc("Least score; posts without a score are left out then.");
  section.field("min_year", options.min_year)
      .doc("First year of creation (UTC); posts without a date are left out then.");
  section.field("max_year", options.max_year)
      .doc("Last year of creation (UTC); posts without a date are left out then.");
  section.field("tags", options.tags)
      .doc(
          "Expression: `a b` both, `a | b` either, `!a` not, parentheses, `*` within a tag stands for any letters, "
          "quotes around a tag with spaces; score, up_score, down_score, fav_count, width, height, megapixels, aspect, "
          "year, file_size, bytes_per_pixel, tag_count and rating are compared with >, >=, <, <=, =, !=. Example: "
          "`1girl !comic (solo | *_focus) score>=20`.");
  section.field("quarantine", options.quarantine)
      .path()
      .doc("File of samples that are left out: ids, one a line, or what `atelier dataset verify --out` wrote.");
  section.section("dedup", options.dedup).doc("Pictures that are there more than once; asked after all other filters.");
  section.field("max_bad_samples", options.max_bad_samples)
      .at_least(0)
      .doc(
          "More quarantined samples than this (unreadable pictures or captions, bad lines) end the run with exit code "
          "3 before a manifest is written; null: max_bad_share says how many.");
  section.field("max_bad_share", options.max_bad_share)
      .range(0, 1)
      .doc("The same, as a share of what was read; 1: any number is only reported.");
}

}  // namespace atelier
