// How single tags are read and written.
#pragma once

#include <string>
#include <string_view>

namespace atelier {

/// Names whose underscores are part of a face or too short to be words ("^_^", "o_o", "|_|"): they stay as they are.
bool is_face(std::string_view tag);

/// "long_hair" -> "long hair"; faces keep their underscore, as captions of published models write them.
std::string tag_as_text(std::string_view tag);

/// True for tags that number the people seen: 1girl .. 6+girls, boys and others alike, multiple_*, solo.
bool is_count_tag(std::string_view tag);

}  // namespace atelier
