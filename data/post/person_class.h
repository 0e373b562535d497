// Who is in the picture, by its tags: what balancing goes by.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "data/post/tag_dictionary.h"

namespace atelier {

enum class PersonClass : uint8_t { kGirlOnly, kBoyOnly, kMixed, kOther, kNoHumans, kUnknown };
inline constexpr int kPersonClassCount = 6;
inline constexpr std::array<std::string_view, kPersonClassCount> kPersonClassNames = {
    "girl_only", "boy_only", "mixed", "other", "no_humans", "unknown"};

/// How many people the tags name; unknown when they name none.
enum class GroupSize : uint8_t { kSolo, kPair, kGroup, kUnknown };
inline constexpr int kGroupSizeCount = 4;
inline constexpr std::array<std::string_view, kGroupSizeCount> kGroupSizeNames = {"solo", "pair", "group", "unknown"};

struct PersonLabel {
  PersonClass person_class = PersonClass::kUnknown;
  GroupSize group_size = GroupSize::kUnknown;
  bool inferred = false;  // no tag says it: taken from male_focus or from who the characters are
  /// Tags that contradict each other: no_humans with people, solo with several, 1girl with 2girls.
  bool conflict = false;

  bool operator==(const PersonLabel&) const = default;
};

/// Whether a character is usually drawn as a girl, a boy, or not as a human; furry does not vote.
enum class CharacterGroup : uint8_t { kGirl, kBoy, kNoHuman, kFurry };

/// Character tag -> group, from `lists/character_groups.tsv`.
class CharacterGroups {
 public:
  CharacterGroups() = default;
  /// Lines `name<TAB>girl|boy|no-human|furry`, `#` starts a comment. ConfigError with file and line.
  explicit CharacterGroups(const std::filesystem::path& table);
  void add(std::string_view name, CharacterGroup group) { groups_.insert_or_assign(std::string(name), group); }
  /// nullptr if unknown.
  const CharacterGroup* find(std::string_view name) const;

 private:
  struct Hash : std::hash<std::string_view> {
    using is_transparent = void;
  };
  std::unordered_map<std::string, CharacterGroup, Hash, std::equal_to<>> groups_;
};

/// Labels posts whose tags are ids of one dictionary. What each tag means is worked out once.
class PersonClassifier {
 public:
  PersonClassifier(const TagDictionary& tags, const CharacterGroups& characters);

  /// First that fits, with g, b, o = any of {1girl ... 6+girls, multiple_girls} and likewise for boys and others:
  /// no_humans and none of g, b, o; g and b: mixed; g: girl_only; b: boy_only; o: other; no_humans tags aside,
  /// male_focus: boy_only (inferred); the majority of the post's characters (inferred): people against no-humans, where
  /// girls with boys are mixed and a tie is unknown; else unknown.
  PersonLabel label(std::span<const int32_t> tag_ids) const;

 private:
  std::vector<uint16_t> roles_;  // of each tag, bits
};

}  // namespace atelier
