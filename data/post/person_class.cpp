#include "data/post/person_class.h"

#include <algorithm>
#include <bit>
#include <optional>

#include "configs/base/atomic_file.h"
#include "configs/base/error.h"
#include "configs/base/text.h"

namespace atelier {
namespace {

// A tag's role: bits 0..3 the kind of people, bits 4..6 how many it names (0: `multiple_*`), the rest single meanings.
enum Role : uint16_t {
  kGirls = 1 << 0,
  kBoys = 1 << 1,
  kOthers = 1 << 2,
  kCountShift = 4,
  kCountMask = 7 << kCountShift,
  kNoHumansTag = 1 << 7,
  kSoloTag = 1 << 8,
  kMaleFocus = 1 << 9,
  kGirlCharacter = 1 << 10,
  kBoyCharacter = 1 << 11,
  kNoHumanCharacter = 1 << 12,
};
constexpr uint16_t kPeople = kGirls | kBoys | kOthers;

/// "1girl", "2girls" .. "6+girls", "multiple_girls", and likewise boys and others; 0 for all else.
uint16_t people_role(std::string_view name) {
  struct Kind {
    std::string_view one, many;
    uint16_t bit;
  };
  static constexpr Kind kKinds[] = {{"girl", "girls", kGirls}, {"boy", "boys", kBoys}, {"other", "others", kOthers}};
  for (const Kind& kind : kKinds) {
    if (name.starts_with("multiple_") && name.substr(9) == kind.many) return kind.bit;
    if (name.size() < 2 || name[0] < '1' || name[0] > '6') continue;
    const int count = name[0] - '0';
    const std::string_view expected = count == 1 ? kind.one : kind.many;
    const std::string_view rest = name.substr(count == 6 && name[1] == '+' ? 2 : 1);
    if (rest == expected) return static_cast<uint16_t>(kind.bit | (count << kCountShift));
  }
  return 0;
}

uint16_t character_role(CharacterGroup group) {
  switch (group) {
    case CharacterGroup::kGirl: return kGirlCharacter;
    case CharacterGroup::kBoy: return kBoyCharacter;
    case CharacterGroup::kNoHuman: return kNoHumanCharacter;
    case CharacterGroup::kFurry: return 0;
  }
  return 0;
}

/// What a post's tags say together.
struct Evidence {
  uint16_t seen = 0;               // all roles
  int named[3] = {0, 0, 0};        // greatest number of girls, boys, others a tag names
  uint8_t numbers[3] = {0, 0, 0};  // which different numbers, bits
  bool multiple[3] = {false, false, false};
  int girl_characters = 0, boy_characters = 0, no_human_characters = 0;

  void add(uint16_t role) {
    seen |= role;
    girl_characters += (role & kGirlCharacter) != 0;
    boy_characters += (role & kBoyCharacter) != 0;
    no_human_characters += (role & kNoHumanCharacter) != 0;
    if (!(role & kPeople)) return;
    const int kind = std::countr_zero(static_cast<unsigned>(role & kPeople));
    const int count = (role & kCountMask) >> kCountShift;
    if (count == 0) {
      multiple[kind] = true;
    } else {
      named[kind] = std::max(named[kind], count);
      numbers[kind] |= static_cast<uint8_t>(1 << count);
    }
  }

  bool several() const { return multiple[0] || multiple[1] || multiple[2] || people() > 1; }
  bool counted() const { return named[0] + named[1] + named[2] > 0; }
  /// The least number of people that all tags allow; `multiple_*` alone says two.
  int people() const {
    int total = 0;
    for (int kind = 0; kind < 3; ++kind) total += std::max(named[kind], multiple[kind] ? 2 : 0);
    return total;
  }
  bool contradicts_itself() const {
    if ((seen & kNoHumansTag) && (seen & kPeople)) return true;
    if ((seen & kSoloTag) && several()) return true;
    return std::ranges::any_of(numbers, [](uint8_t bits) { return std::popcount(bits) > 1; });
  }
};

GroupSize group_size(const Evidence& evidence) {
  if (!(evidence.seen & kPeople)) return evidence.seen & kSoloTag ? GroupSize::kSolo : GroupSize::kUnknown;
  if (!evidence.counted()) return GroupSize::kGroup;  // `multiple_*` is all that is said
  const int people = evidence.people();
  return people == 1 ? GroupSize::kSolo : people == 2 ? GroupSize::kPair : GroupSize::kGroup;
}

PersonClass class_of_characters(const Evidence& evidence) {
  const int people = evidence.girl_characters + evidence.boy_characters;
  if (people == evidence.no_human_characters) return PersonClass::kUnknown;  // a tie, or no votes at all
  if (people < evidence.no_human_characters) return PersonClass::kNoHumans;
  if (evidence.girl_characters && evidence.boy_characters) return PersonClass::kMixed;
  return evidence.girl_characters ? PersonClass::kGirlOnly : PersonClass::kBoyOnly;
}

}  // namespace

CharacterGroups::CharacterGroups(const std::filesystem::path& table) {
  const std::string content = read_file(table);
  int line_number = 0;
  for (const std::string_view line : split(content, '\n')) {
    ++line_number;
    if (trim(line).empty() || line.front() == '#') continue;
    const size_t tab = line.find('\t');
    const std::string_view group = tab == std::string_view::npos ? std::string_view() : trim(line.substr(tab + 1));
    if (group == "girl")
      add(line.substr(0, tab), CharacterGroup::kGirl);
    else if (group == "boy")
      add(line.substr(0, tab), CharacterGroup::kBoy);
    else if (group == "no-human")
      add(line.substr(0, tab), CharacterGroup::kNoHuman);
    else if (group == "furry")
      add(line.substr(0, tab), CharacterGroup::kFurry);
    else
      throw ConfigError("not a character and its group", text(table.string(), ":", line_number),
                        "write NAME<TAB>girl, boy, no-human or furry");
  }
}

const CharacterGroup* CharacterGroups::find(std::string_view name) const {
  const auto found = groups_.find(name);
  return found == groups_.end() ? nullptr : &found->second;
}

PersonClassifier::PersonClassifier(const TagDictionary& tags, const CharacterGroups& characters) {
  roles_.reserve(static_cast<size_t>(tags.size()));
  for (int32_t id = 0; id < tags.size(); ++id) {
    const std::string_view name = tags.name(id);
    uint16_t role = people_role(name);
    if (name == "no_humans") role = kNoHumansTag;
    if (name == "solo") role = kSoloTag;
    if (name == "male_focus") role = kMaleFocus;
    if (const CharacterGroup* group = characters.find(name); group && !role) role = character_role(*group);
    roles_.push_back(role);
  }
}

PersonLabel PersonClassifier::label(std::span<const int32_t> tag_ids) const {
  Evidence evidence;
  for (const int32_t id : tag_ids) evidence.add(roles_[static_cast<size_t>(id)]);

  PersonLabel label;
  label.group_size = group_size(evidence);
  label.conflict = evidence.contradicts_itself();
  const bool girls = evidence.seen & kGirls, boys = evidence.seen & kBoys, others = evidence.seen & kOthers;
  if (girls || boys) {
    label.person_class = girls && boys ? PersonClass::kMixed : girls ? PersonClass::kGirlOnly : PersonClass::kBoyOnly;
  } else if (others) {
    label.person_class = PersonClass::kOther;
  } else if (evidence.seen & kNoHumansTag) {
    label.person_class = PersonClass::kNoHumans;
  } else {
    label.person_class = evidence.seen & kMaleFocus ? PersonClass::kBoyOnly : class_of_characters(evidence);
    label.inferred = label.person_class != PersonClass::kUnknown;
  }
  return label;
}

}  // namespace atelier
