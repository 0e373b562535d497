#include "data/ingest/caption_file.h"

#include "configs/base/atomic_file.h"
#include "configs/base/error.h"
#include "configs/base/text.h"
#include "data/files/file_bytes.h"
#include "data/files/files.h"
#include "data/post/post.h"

namespace atelier {
namespace {

constexpr int64_t kMaxBytes = 1 << 20;
constexpr std::string_view kKeepTokensSeparator = "|||";  // by habit, in captions written for sd-scripts

}  // namespace

std::optional<CaptionFile> read_caption_file(const std::string& path) {
  const std::optional<FileFacts> facts = file_facts(path);
  if (!facts || facts->is_folder) return std::nullopt;
  if (facts->size_bytes > kMaxBytes) throw DataError("caption_too_long", path);
  std::string content;
  try {
    content = is_remote(path) ? read_small_file(path, kMaxBytes) : read_file(path);
  } catch (const Error&) {
    throw DataError("caption_unreadable", path);
  }
  return parse_caption(content, path);
}

CaptionFile parse_caption(std::string_view content, const std::string& where) {
  if (content.size() > kMaxBytes) throw DataError("caption_too_long", where);
  if (content.starts_with("\xEF\xBB\xBF")) content.remove_prefix(3);
  if (content.find('\0') != std::string_view::npos) throw DataError("caption_has_nul", where);
  if (!is_valid_utf8(content)) throw DataError("caption_not_utf8", where);

  CaptionFile file;
  bool first = true;
  for (const std::string_view line : split(content, '\n')) {
    if (first)
      file.caption = trim(line);
    else if (const std::string_view further = trim(line); !further.empty())
      file.further_captions.emplace_back(further);
    first = false;
  }
  return file;
}

std::vector<std::string> caption_tags(std::string_view caption) {
  std::vector<std::string> tags;
  while (true) {
    const size_t mark = caption.find(kKeepTokensSeparator);
    for (const std::string_view piece : split(caption.substr(0, mark), ',')) {
      if (std::string tag = canonical_tag(piece); !tag.empty()) tags.push_back(std::move(tag));
    }
    if (mark == caption.npos) return tags;
    caption.remove_prefix(mark + kKeepTokensSeparator.size());
  }
}

}  // namespace atelier
