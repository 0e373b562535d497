// How a sample's caption is made (`dataset.captions`). Names and meanings are sd-scripts' where it has one.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "configs/schema/field.h"

namespace atelier {

struct CaptionOptions {
  std::vector<std::string> tag_groups = {"count", "character", "copyright", "artist", "general"};
  std::string caption_prefix;
  std::string caption_suffix;
  double caption_dropout_rate = 0;
  std::string caption_separator = ",";
  int64_t keep_tokens = 0;
  bool shuffle_caption = false;
  double caption_tag_dropout_rate = 0;
};

inline void describe(Section& section, CaptionOptions& options) {
  section.field("tag_groups", options.tag_groups)
      .choices({"count", "character", "copyright", "artist", "general", "meta", "rating"})
      .doc(
          "Groups of a post's tags in the order they are written; groups not named are left out. A sample that has a "
          "caption of its own keeps it. `count` takes the tags that number people (1girl, solo) out of the others.");
  section.field("caption_prefix", options.caption_prefix).doc("Written before every caption, with a space.");
  section.field("caption_suffix", options.caption_suffix).doc("Written after every caption, with a space.");
  section.field("caption_dropout_rate", options.caption_dropout_rate)
      .range(0, 1)
      .doc("Share of samples trained with an empty caption.");
  section.field("caption_separator", options.caption_separator)
      .doc(
          "What stands between the tags of a caption; shuffled captions are joined with \", \"; empty: the caption is "
          "one tag.");
  section.field("keep_tokens", options.keep_tokens)
      .at_least(0)
      .unit("tags")
      .doc("First tags that are neither shuffled nor dropped.");
  section.field("shuffle_caption", options.shuffle_caption)
      .doc("Write the tags after the kept ones in a new order every time.");
  section.field("caption_tag_dropout_rate", options.caption_tag_dropout_rate)
      .range(0, 1)
      .doc("Chance of each tag after the kept ones to be left out.");
}

}  // namespace atelier
