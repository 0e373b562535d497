#include "data/ingest/tar_reader.h"

#include <algorithm>
#include <span>
#include <utility>

#include "configs/base/error.h"
#include "configs/base/text.h"
#include "data/files/files.h"

namespace atelier {
namespace {

constexpr int64_t kMaxTextBytes = 16 << 20;

/// "a/0001" of "a/0001.seg.png": the first dot of the last name ends it, dots of folders do not.
std::string_view sample_key(std::string_view member) {
  const size_t slash = member.rfind('/');
  const size_t begin = slash == std::string_view::npos ? 0 : slash + 1;
  return member.substr(0, std::min(member.find('.', begin), member.size()));
}

/// Left out as in a folder: "._a.png" beside a.png, in a tar that was made on a Mac, is no picture.
bool is_hidden_member(std::string_view member) { return is_hidden(member.substr(member.starts_with("./") ? 2 : 0)); }

/// Samples out of one tar into a batch.
class TarSamples {
 public:
  TarSamples(const std::string& path, const std::string& name, int64_t modified_ns,
             const std::vector<std::string>& caption_suffixes, const PictureProbe& probe, PostBatch& batch)
      : path_(path),
        name_(name),
        modified_ns_(modified_ns),
        bytes_(open_file(path)),
        caption_suffixes_(caption_suffixes),
        probe_(probe),
        batch_(batch) {}

  void read_all() {
    const TarListing listing = list_tar(path_, *bytes_);
    for (size_t begin = 0, end = 0; begin < listing.members.size(); begin = end) {
      const std::string_view key = sample_key(listing.members[begin].name);
      while (end < listing.members.size() && sample_key(listing.members[end].name) == key) ++end;
      read_sample(std::span(listing.members).subspan(begin, end - begin));
    }
    if (!listing.damage.empty()) {
      batch_.bad.push_back({"", 0, "file_damaged", listing.damage, place(listing.damage_offset)});
    }
  }

 private:
  std::string place(int64_t offset) const { return text(name_, ", offset ", offset); }

  /// What is no text may be a picture; of several in a sample each is a post, with the sample's texts.
  void read_sample(std::span<const TarMember> members) {
    std::vector<const TarMember*> pictures;
    const TarMember* record = nullptr;
    const TarMember* caption = nullptr;
    size_t caption_rank = caption_suffixes_.size();
    for (const TarMember& member : members) {
      if (is_hidden_member(member.name)) {
        ++batch_.other_files;
        continue;
      }
      const size_t rank = caption_rank_of(member.name);
      if (has_picture_suffix(member.name)) {
        pictures.push_back(&member);
      } else if (member.name.ends_with(".json")) {
        record = &member;
      } else if (rank < caption_rank) {
        caption = &member;
        caption_rank = rank;
      } else {
        ++batch_.other_files;
      }
    }
    for (const TarMember* picture : pictures) read_picture(*picture, caption, record);
  }

  size_t caption_rank_of(const std::string& name) const {
    const auto found =
        std::ranges::find_if(caption_suffixes_, [&](const std::string& suffix) { return name.ends_with(suffix); });
    return static_cast<size_t>(found - caption_suffixes_.begin());
  }

  void read_picture(const TarMember& member, const TarMember* caption, const TarMember* record) {
    if (!is_valid_utf8(member.name)) {
      batch_.bad.push_back({"", 0, "name_not_utf8", "", place(member.offset)});
      return;
    }
    const std::string id = name_ + "!" + member.name;
    try {
      PictureFile picture = probe_picture(member);
      PictureTexts texts;
      if (caption) texts.caption = parse_caption(content(*caption), caption->name);
      if (record) texts.record = content(*record);
      add_picture_post(id, std::move(picture), texts, records_, batch_);
    } catch (const DataError& error) {
      batch_.bad.push_back({id, 0, error.summary(), error.where(), place(member.offset)});
    }
  }

  PictureFile probe_picture(const TarMember& member) const {
    PictureFile at;
    at.path = path_;
    at.offset = member.offset;
    at.size_bytes = member.size_bytes;
    at.modified_ns = modified_ns_;
    try {
      return probe_.probe(*bytes_, std::move(at));
    } catch (const DataError& error) {
      throw DataError("picture_unreadable", error.summary());
    }
  }

  std::string content(const TarMember& member) const {
    if (member.size_bytes > kMaxTextBytes) throw DataError("record_unreadable", member.name + ": more than 16 MiB");
    std::string buffer;
    return std::string(bytes_->read(member.offset, member.size_bytes, buffer));
  }

  const std::string& path_;
  const std::string& name_;
  int64_t modified_ns_;
  std::unique_ptr<FileBytes> bytes_;
  const std::vector<std::string>& caption_suffixes_;
  const PictureProbe& probe_;
  PostBatch& batch_;
  JsonRecords records_;
};

}  // namespace

TarReader::TarReader(const SourceOptions& options)
    : tars_(expand_folder(absolute_path(options.path), ".tar")), caption_suffixes_(caption_suffixes(options)) {
  const std::string folder = pattern_folder(absolute_path(options.path));
  for (const std::string& tar : tars_) {
    names_.push_back(name_below(folder, tar));
    const FileFacts facts = file_facts(tar).value_or(FileFacts());
    sizes_.push_back(facts.size_bytes);
    modified_ns_.push_back(facts.modified_ns);
  }
}

int64_t TarReader::part_size(int64_t part) const { return (sizes_[static_cast<size_t>(part)] + 1023) / 1024; }

PostBatch TarReader::read(int64_t part, const PictureProbe& probe) const {
  PostBatch batch;
  const auto at = static_cast<size_t>(part);
  try {
    TarSamples(tars_[at], names_[at], modified_ns_[at], caption_suffixes_, probe, batch).read_all();
  } catch (const Error& error) {
    batch.bad.push_back({"", 0, "file_unreadable", error.summary(), names_[at]});
  }
  return batch;
}

}  // namespace atelier
