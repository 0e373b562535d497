#include "data/ingest/tar_file.h"

#include <rapidjson/document.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "configs/base/error.h"
#include "configs/base/text.h"
#include "data/files/files.h"

namespace atelier {
namespace {

constexpr int64_t kBlock = 512;
constexpr int64_t kRemoteWindow = 64 << 10;
constexpr int64_t kMaxExtension = 1 << 20;  // of a long name, or a pax header
constexpr int64_t kMaxIndex = 256 << 20;

/// One of the header's fixed fields, up to its first NUL.
std::string_view field(std::string_view header, size_t offset, size_t size) {
  const std::string_view whole = header.substr(offset, size);
  return whole.substr(0, std::min(whole.find('\0'), whole.size()));
}

/// Octal, or in base 256 where the first bit is set. nullopt if it is neither.
std::optional<int64_t> number(std::string_view digits) {
  if (static_cast<unsigned char>(digits[0]) & 0x80) {
    int64_t value = 0;
    for (const char c : digits.substr(digits.size() - 8)) value = value << 8 | static_cast<unsigned char>(c);
    return value < 0 ? std::nullopt : std::optional(value);
  }
  digits = trim(digits.substr(0, std::min(digits.find('\0'), digits.size())));
  int64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, 8);
  if (error != std::errc() || end != digits.data() + digits.size() || value < 0) return std::nullopt;
  return value;
}

bool checksum_fits(std::string_view header) {
  int64_t sum = 8 * ' ';  // the checksum's own field counts as spaces
  for (size_t i = 0; i < header.size(); ++i) {
    if (i < 148 || i >= 156) sum += static_cast<unsigned char>(header[i]);
  }
  return number(header.substr(148, 8)) == sum;
}

/// Walks from header to header.
class TarWalk {
 public:
  TarWalk(const std::string& path, const FileBytes& bytes)
      : bytes_(bytes), window_bytes_(is_remote(path) ? kRemoteWindow : kBlock) {}

  TarListing run() {
    while (position_ < bytes_.size() && listing_.damage.empty() && step()) {
    }
    return std::move(listing_);
  }

 private:
  /// False at the archive's end.
  bool step() {
    const std::string_view header = window(position_, kBlock);
    if (header.size() < static_cast<size_t>(kBlock)) return damaged("cut short within a header");
    if (header.find_first_not_of('\0') == std::string_view::npos) return false;
    if (!checksum_fits(header)) return damaged("no tar header where one belongs");
    std::optional<int64_t> size = number(header.substr(124, 12));
    const char type = header[156];
    const bool extends = type == 'L' || type == 'K' || type == 'x' || type == 'g';
    if (!extends && pax_size_) size = pax_size_;
    if (!size) return damaged("a member without a sensible size");
    const int64_t content = position_ + kBlock;
    if (*size > bytes_.size() - content) return damaged("cut short within " + printable_name(header));
    if (extends) {
      if (*size > kMaxExtension) return damaged("a header of more than 1 MiB");
      extend(type, window(content, *size));
    } else {
      if (type == '0' || type == '\0' || type == '7') listing_.members.push_back({name(header), content, *size});
      long_name_.clear();
      pax_size_.reset();
    }
    position_ = content + (*size + kBlock - 1) / kBlock * kBlock;
    return true;
  }

  /// A long name, or what a pax header says of the next member.
  void extend(char type, std::string_view content) {
    if (type == 'L') long_name_ = content.substr(0, std::min(content.find('\0'), content.size()));
    while (type == 'x' && !content.empty()) {  // "LENGTH KEY=VALUE\n"
      size_t length = 0;
      const auto [end, error] = std::from_chars(content.data(), content.data() + content.size(), length);
      const auto digits = static_cast<size_t>(end - content.data());
      if (error != std::errc() || length <= digits + 1 || length > content.size()) return;
      const std::string_view record = content.substr(digits + 1, length - digits - 2);
      if (record.starts_with("path=")) long_name_ = record.substr(5);
      int64_t size = 0;
      if (record.starts_with("size=") &&
          std::from_chars(record.data() + 5, record.data() + record.size(), size).ec == std::errc() && size >= 0) {
        pax_size_ = size;
      }
      content.remove_prefix(length);
    }
  }

  std::string name(std::string_view header) const {
    if (!long_name_.empty()) return long_name_;
    const bool posix = header.substr(257, 6) == std::string_view("ustar\0", 6);
    const std::string_view prefix = posix ? field(header, 345, 155) : "";
    return text(prefix, prefix.empty() ? "" : "/", field(header, 0, 100));
  }
  std::string printable_name(std::string_view header) const {
    const std::string name_of_it = name(header);
    return is_valid_utf8(name_of_it) ? name_of_it : "a member";
  }

  /// Of remote archives some more is fetched at once: headers of small members lie close together.
  std::string_view window(int64_t offset, int64_t size) {
    const bool inside =
        offset >= window_at_ && offset + size <= window_at_ + static_cast<int64_t>(window_.size()) && !window_.empty();
    if (!inside) {
      window_ = bytes_.read(offset, std::max(size, window_bytes_), buffer_);
      window_at_ = offset;
    }
    return window_.substr(static_cast<size_t>(offset - window_at_), static_cast<size_t>(size));
  }

  bool damaged(std::string why) {
    listing_.damage = std::move(why);
    listing_.damage_offset = position_;
    return false;
  }

  const FileBytes& bytes_;
  int64_t window_bytes_;
  std::string buffer_;
  std::string_view window_;
  int64_t window_at_ = 0;
  int64_t position_ = 0;
  std::string long_name_;
  std::optional<int64_t> pax_size_;
  TarListing listing_;
};

/// The members as the index beside the archive lists them; nullopt if there is none that fits.
std::optional<TarListing> read_index(const std::string& path, int64_t tar_size) {
  const std::string name = file_name(path);
  const std::string index = join_path(parent_path(path), name.substr(0, name.rfind('.')) + ".json");
  const std::optional<FileFacts> facts = file_facts(index);
  if (!facts || facts->is_folder) return std::nullopt;
  std::string json;
  try {
    json = read_small_file(index, kMaxIndex);
  } catch (const DataError&) {
    return std::nullopt;
  }
  rapidjson::Document root;
  root.ParseInsitu<rapidjson::kParseIterativeFlag>(json.data());  // the other way deep nesting overflows the stack
  const auto whole = [](const rapidjson::Value& object, const char* key) {
    const auto found = object.IsObject() ? object.FindMember(key) : rapidjson::Value::ConstMemberIterator();
    const bool number = object.IsObject() && found != object.MemberEnd() && found->value.IsInt64();
    return number ? found->value.GetInt64() : int64_t{-1};
  };
  if (root.HasParseError() || whole(root, "filesize") != tar_size) return std::nullopt;
  const auto files = root.FindMember("files");
  if (files == root.MemberEnd() || !files->value.IsObject()) return std::nullopt;
  TarListing listing;
  for (const auto& [member, place] : files->value.GetObject()) {
    const int64_t offset = whole(place, "offset"), size = whole(place, "size");
    if (offset < 0 || size < 0 || offset > tar_size - size) return std::nullopt;
    listing.members.push_back({member.GetString(), offset, size});
  }
  std::ranges::sort(listing.members, {}, &TarMember::offset);
  return listing;
}

}  // namespace

TarListing list_tar(const std::string& path, const FileBytes& bytes) {
  if (std::optional<TarListing> listing = read_index(path, bytes.size())) return std::move(*listing);
  return TarWalk(path, bytes).run();
}

}  // namespace atelier
