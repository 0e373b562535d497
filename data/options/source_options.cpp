#include "data/options/source_options.h"

namespace atelier {

void describe(Section& section, SourceOptions& options) {
  section.field("path", options.path)
      .path()
      .doc(
          "A folder of pictures with caption files beside them, or a posts file (.jsonl, one post a line: Danbooru's "
          "API "
          "shape or the shape of the 2017-2021 dumps).");
  section.field("repeats", options.repeats)
      .also("num_repeats")
      .range(0, 4096)
      .doc(
          "How often each picture is used in an epoch; fractions rotate through the pictures. Multiplies the repeats "
          "that balancing gives.");
  section.field("caption_extension", options.caption_extension)
      .doc("Suffix of the caption files of a folder; its first line is the caption.");
  section.field("image_dir", options.image_dir)
      .path()
      .doc(
          "Folder of the pictures of a posts file, when they do not lie beside it. Looked for by file name, then "
          "<md5>.<ext>, <id>.<ext> and the <id mod 1000>/<id>.<ext> of the dumps.");
  section.field("rating_scheme", options.rating_scheme)
      .choices({"auto", "old", "modern"})
      .doc(
          "What rating `s` means: safe (old: s, q, e) or sensitive (modern: g, s, q, e). auto: old if no post of the "
          "source "
          "is rated g and the newest dated one is from before 2022, else modern.");
}

}  // namespace atelier
