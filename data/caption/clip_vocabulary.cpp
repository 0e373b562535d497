#include "data/caption/clip_vocabulary.h"

#include <zlib.h>

#include <string>
#include <unordered_map>

#include "configs/base/error.h"
#include "configs/base/text.h"

namespace atelier {
namespace {

constexpr size_t kSlotCount = size_t{1} << 17;  // 0.37 full

std::string read_gzip(const std::filesystem::path& path) {
  gzFile file = gzopen(path.c_str(), "rb");
  if (!file) throw ConfigError("cannot open the CLIP vocabulary", path.string());
  std::string content, buffer(1 << 16, '\0');
  int count = 0;
  while ((count = gzread(file, buffer.data(), static_cast<unsigned>(buffer.size()))) > 0) {
    content.append(buffer, 0, static_cast<size_t>(count));
  }
  const bool whole = count == 0 && gzeof(file);
  gzclose(file);
  if (!whole) throw ConfigError("the CLIP vocabulary is damaged", path.string(), "run tools/setup again");
  return content;
}

/// The bytes in the order of their ids: GPT-2's table writes printable bytes as themselves and the others, in order, as
/// the code points from 256 on (Radford et al. 2019, encoder.py's bytes_to_unicode).
bool is_printable(int byte) {
  return (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xAC) || (byte >= 0xAE && byte <= 0xFF);
}

std::string utf8_of(uint32_t code_point) {
  if (code_point < 0x80) return {static_cast<char>(code_point)};
  return {static_cast<char>(0xC0 | code_point >> 6), static_cast<char>(0x80 | (code_point & 0x3F))};
}

using IdsByName = std::unordered_map<std::string, int32_t>;

IdsByName name_bytes(std::array<int32_t, 256>& byte_ids) {
  IdsByName names;
  int32_t id = 0;
  const auto add = [&](int byte, uint32_t code_point) {
    byte_ids[static_cast<size_t>(byte)] = id;
    names[utf8_of(code_point)] = id;
    names[utf8_of(code_point) + "</w>"] = id + ClipVocabulary::kWordEnd;
    ++id;
  };
  for (int byte = 0; byte < 256; ++byte) {
    if (is_printable(byte)) add(byte, static_cast<uint32_t>(byte));
  }
  uint32_t code_point = 256;
  for (int byte = 0; byte < 256; ++byte) {
    if (!is_printable(byte)) add(byte, code_point++);
  }
  return names;
}

uint64_t pair_of(int32_t left, int32_t right) {
  return static_cast<uint64_t>(left) << 32 | static_cast<uint32_t>(right);
}

}  // namespace

ClipVocabulary::ClipVocabulary(const std::filesystem::path& path) : slots_(kSlotCount) {
  const std::string content = read_gzip(path);
  const std::vector<std::string_view> lines = split(content, '\n');
  IdsByName names = name_bytes(byte_ids_);
  names.reserve(kFirstMerge + kMergeCount);
  const auto id_of = [&](std::string_view name) {
    const auto found = names.find(std::string(name));
    return found == names.end() ? kNone : found->second;
  };
  for (size_t i = 0; i < kMergeCount; ++i) {
    const std::string_view line = i + 1 < lines.size() ? lines[i + 1] : std::string_view();
    const size_t space = line.find(' ');
    const int32_t left = id_of(line.substr(0, space));
    const int32_t right = space == line.npos ? kNone : id_of(line.substr(space + 1));
    if (left == kNone || right == kNone) {
      throw ConfigError("not the CLIP vocabulary", text(path.string(), ":", i + 2), "run tools/setup again");
    }
    const int32_t id = kFirstMerge + static_cast<int32_t>(i);
    names[text(line.substr(0, space), line.substr(space + 1))] = id;
    insert(left, right, id);
  }
}

size_t ClipVocabulary::slot_of(uint64_t pair) const {
  constexpr uint64_t kGoldenRatio = 0x9E3779B97F4A7C15;  // Fibonacci hashing
  size_t slot = (pair * kGoldenRatio) >> 47;             // the top 17 bits
  while (slots_[slot].pair != pair && slots_[slot].id != kNone) slot = (slot + 1) % kSlotCount;
  return slot;
}

void ClipVocabulary::insert(int32_t left, int32_t right, int32_t id) {
  Slot& slot = slots_[slot_of(pair_of(left, right))];
  if (slot.id == kNone) slot = {pair_of(left, right), id};  // the first of two equal merges counts
}

int32_t ClipVocabulary::merged(int32_t left, int32_t right) const { return slots_[slot_of(pair_of(left, right))].id; }

ClipVocabularyText read_clip_vocabulary_text(const std::filesystem::path& path) {
  const ClipVocabulary checked(path);
  const std::string content = read_gzip(path);
  const std::vector<std::string_view> lines = split(content, '\n');
  ClipVocabularyText vocabulary;
  vocabulary.names.resize(ClipVocabulary::kFirstMerge);
  std::array<int32_t, 256> byte_ids;
  for (const auto& [name, id] : name_bytes(byte_ids)) vocabulary.names[static_cast<size_t>(id)] = name;
  for (size_t i = 1; i <= ClipVocabulary::kMergeCount; ++i) {
    const size_t space = lines[i].find(' ');
    vocabulary.merges.emplace_back(lines[i]);
    vocabulary.names.push_back(text(lines[i].substr(0, space), lines[i].substr(space + 1)));
  }
  vocabulary.names.insert(vocabulary.names.end(), {"<|startoftext|>", "<|endoftext|>"});
  return vocabulary;
}

}  // namespace atelier
