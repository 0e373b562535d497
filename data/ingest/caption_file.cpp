#include "data/ingest/caption_file.h"

#include "configs/base/atomic_file.h"
#include "configs/base/error.h"
#include "configs/base/text.h"
#include "data/post/post.h"

namespace atelier {
namespace {

constexpr uintmax_t kMaxBytes = 1 << 20;

}  // namespace

std::optional<CaptionFile> read_caption_file(const std::filesystem::path& path) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) return std::nullopt;
  if (std::filesystem::file_size(path, error) > kMaxBytes) throw DataError("caption_too_long", path.string());
  std::string content;
  try {
    content = read_file(path);
  } catch (const ConfigError&) {
    throw DataError("caption_unreadable", path.string());
  }
  std::string_view rest = content;
  if (rest.starts_with("\xEF\xBB\xBF")) rest.remove_prefix(3);
  if (rest.find('\0') != std::string_view::npos) throw DataError("caption_has_nul", path.string());
  if (!is_valid_utf8(rest)) throw DataError("caption_not_utf8", path.string());

  CaptionFile file;
  bool first = true;
  for (const std::string_view line : split(rest, '\n')) {
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
  for (const std::string_view piece : split(caption, ',')) {
    if (std::string tag = canonical_tag(piece); !tag.empty()) tags.push_back(std::move(tag));
  }
  return tags;
}

}  // namespace atelier
