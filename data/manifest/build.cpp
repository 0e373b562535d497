#include "data/manifest/build.h"

#include <algorithm>
#include <numeric>
#include <string>
#include <unordered_set>

#include "configs/base/error.h"
#include "configs/base/hash.h"
#include "configs/base/interrupt.h"
#include "configs/base/progress.h"
#include "configs/base/resources.h"
#include "configs/base/text.h"
#include "configs/base/thread_pool.h"
#include "data/ingest/source_reader.h"
#include "data/ingest/timestamp.h"
#include "data/manifest/manifest_parts.h"
#include "data/post/minors.h"

namespace atelier {
namespace {

/// A source while the manifest is made: what its parts held, then its posts with tags of the whole dataset.
struct ReadSource {
  SourceSummary summary;
  std::vector<Post> posts;
  std::vector<BadSample> bad;
};

PictureProbe make_probe(const Manifest* previous) {
  PictureProbe probe;
  for (int64_t row = 0; previous && row < previous->size(); ++row) {
    if (previous->path(row).empty()) continue;
    ImageInfo info;
    info.format = previous->format(row);
    info.width = previous->width(row);
    info.height = previous->height(row);
    info.animated = previous->animated(row);
    info.truncated = previous->truncated(row);
    probe.remember(previous->path(row), previous->file_size(row), previous->file_modified_ns(row), info);
  }
  return probe;
}

std::vector<PostBatch> read_parts(const SourceReader& reader, const std::string& path, const PictureProbe& probe) {
  int64_t total = 0;
  for (int64_t part = 0; part < reader.part_count(); ++part) total += reader.part_size(part);
  Progress progress("scan " + path, total, reader.kind() == "folder" ? "files" : "KiB");
  std::vector<PostBatch> batches(static_cast<size_t>(reader.part_count()));
  parallel_for(reader.part_count(), 0, [&](int64_t part) {
    check_interrupted();
    batches[static_cast<size_t>(part)] = reader.read(part, probe);
    progress.advance(reader.part_size(part));
  });
  return batches;
}

/// What the source's `s` means (SourceOptions::rating_scheme).
bool is_old_scheme(const std::string& wanted, const std::vector<Post>& posts) {
  if (wanted != "auto") return wanted == "old";
  std::optional<int64_t> newest;
  for (const Post& post : posts) {
    if (post.rating == Rating::kGeneral) return false;
    if (post.created_at) newest = std::max(newest.value_or(*post.created_at), *post.created_at);
  }
  return newest && year_of(*newest) < 2022;
}

/// One part's posts join the source, their tags the dataset's dictionary.
void take_batch(PostBatch batch, TagDictionary& tags, int64_t& lines_before, ReadSource& source) {
  const std::vector<int32_t> ids = tags.merge(batch.tags);
  for (Post& post : batch.posts) {
    for (int32_t& tag : post.tags) tag = ids[static_cast<size_t>(tag)];
    source.posts.push_back(std::move(post));
  }
  for (BadSample& sample : batch.bad) {
    if (sample.line) sample.line += lines_before;
    source.bad.push_back(std::move(sample));
  }
  lines_before += batch.lines;
  source.summary.other_files += batch.other_files;
  source.summary.without_caption += batch.without_caption;
}

ReadSource read_source(const SourceOptions& options, const PictureProbe& probe, TagDictionary& tags) {
  const std::unique_ptr<SourceReader> reader = open_source(options);
  ReadSource source;
  source.summary.path = options.path;
  source.summary.kind = reader->kind();
  int64_t lines = 0;
  for (PostBatch& batch : read_parts(*reader, options.path, probe)) take_batch(std::move(batch), tags, lines, source);
  source.summary.read = static_cast<int64_t>(source.posts.size() + source.bad.size());

  const bool old_scheme = is_old_scheme(options.rating_scheme, source.posts);
  source.summary.rating_scheme = old_scheme ? "old" : "modern";
  for (Post& post : source.posts) {
    if (post.rated_s) post.rating = old_scheme ? Rating::kSafe : Rating::kSensitive;
  }
  return source;
}

/// Takes out the posts that sexualise minors; nothing of them is kept but their number.
void exclude_minors(const MinorsFilter& filter, const std::vector<MinorsFilter::Verdict>& verdicts,
                    ReadSource& source) {
  source.summary.excluded_minors = static_cast<int64_t>(std::erase_if(source.posts, [&](const Post& post) {
    const auto excluded_by = [&](const std::string& caption) {
      return filter.excludes(post.tags, verdicts, caption, post.rating);
    };
    return excluded_by(post.caption) || std::ranges::any_of(post.further_captions, excluded_by);
  }));
}

/// Of posts with one id the first stays.
void quarantine_duplicates(ReadSource& source) {
  std::unordered_set<std::string> seen;
  std::erase_if(source.posts, [&](const Post& post) {
    if (seen.insert(post.id).second) return false;
    source.bad.push_back({post.id, 0, "duplicate_id", "an earlier post of this source has the same id"});
    return true;
  });
}

void summarise(ReadSource& source) {
  SourceSummary& summary = source.summary;
  summary.rows = static_cast<int64_t>(source.posts.size());
  for (const BadSample& sample : source.bad) ++summary.quarantined[sample.reason];
  for (const Post& post : source.posts) {
    summary.without_picture += post.picture.path.empty();
    summary.further_caption_lines += static_cast<int64_t>(post.further_captions.size());
    summary.truncated += post.picture.info.truncated;
    summary.animated += post.picture.info.animated;
  }
}

/// The tags in use, the most frequent first (by name among equals); the posts' ids are changed to them.
TagDictionary sort_tags(TagDictionary all, std::vector<ReadSource>& sources) {
  for (const ReadSource& source : sources) {
    for (const Post& post : source.posts) {
      for (const int32_t tag : post.tags) all.add_count(tag, 1);
    }
  }
  std::vector<int32_t> order(static_cast<size_t>(all.size()));
  std::iota(order.begin(), order.end(), 0);
  std::erase_if(order, [&](int32_t tag) { return all.count(tag) == 0; });
  std::ranges::sort(order, [&](int32_t a, int32_t b) {
    return all.count(a) != all.count(b) ? all.count(a) > all.count(b) : all.name(a) < all.name(b);
  });
  TagDictionary sorted;
  std::vector<int32_t> new_ids(static_cast<size_t>(all.size()));
  for (const int32_t tag : order) {
    const int32_t id = sorted.intern(all.name(tag));
    sorted.vote(id, all.category(tag));
    sorted.add_count(id, all.count(tag));
    new_ids[static_cast<size_t>(tag)] = id;
  }
  for (ReadSource& source : sources) {
    for (Post& post : source.posts) {
      for (int32_t& tag : post.tags) tag = new_ids[static_cast<size_t>(tag)];
    }
  }
  return sorted;
}

/// Of what training sees. File sizes stand for the pictures' content.
void hash_post(const Post& post, int32_t source, ContentHasher& hasher) {
  const auto number = [&](const auto& value) {
    hasher.update_number(value ? 1 : 0);
    hasher.update_number(value.value_or(0));
  };
  hasher.update_field(post.id);
  for (const int64_t value : {int64_t{source}, post.picture.size_bytes, int64_t{post.width}, int64_t{post.height},
                              static_cast<int64_t>(post.rating), static_cast<int64_t>(post.tags.size())}) {
    hasher.update_number(value);
  }
  number(post.created_at);
  number(post.score);
  number(post.up_score);
  number(post.down_score);
  number(post.fav_count);
  hasher.update_field(post.parent_id);
  hasher.update_field(post.md5);
  hasher.update_field(post.caption);
  for (const std::string& caption : post.further_captions) hasher.update_field(caption);
  hasher.update_number(post.is_deleted | post.is_banned << 1 | post.is_pending << 2);
  for (const int32_t tag : post.tags) hasher.update_number(tag);
}

void hash_tags(const TagDictionary& tags, ContentHasher& hasher) {
  for (int32_t tag = 0; tag < tags.size(); ++tag) {
    hasher.update_field(tags.name(tag));
    hasher.update_number(static_cast<int64_t>(tags.category(tag)));
  }
}

/// Rows, labels and hashes of what is left.
ManifestParts make_parts(const std::vector<ReadSource>& sources, TagDictionary tags) {
  ManifestParts parts;
  const PersonClassifier classifier(tags, CharacterGroups(resource_path("lists/character_groups.tsv")));
  std::vector<TagCategory> categories;
  for (int32_t tag = 0; tag < tags.size(); ++tag) categories.push_back(tags.category(tag));
  RowWriter rows(std::move(categories));
  ContentHasher content, state;
  for (size_t s = 0; s < sources.size(); ++s) {
    for (const Post& post : sources[s].posts) {
      const PersonLabel person = classifier.label(post.tags);
      rows.add(post, static_cast<int32_t>(s), person);
      hash_post(post, static_cast<int32_t>(s), content);
      content.update_number(static_cast<int64_t>(person.person_class));
      state.update_field(post.picture.path);
      state.update_number(post.picture.offset);
      state.update_field(post.source_url);
      state.update_field(post.pixel_hash);
      state.update_number(post.picture.modified_ns);
      state.update_number(static_cast<int64_t>(person.group_size));
      state.update_number(person.inferred);
      state.update_number(person.conflict);
    }
    for (const BadSample& sample : sources[s].bad)
      state.update_field(text(sample.id, sample.line, sample.reason, sample.detail));
    parts.summary.sources.push_back(sources[s].summary);
  }
  hash_tags(tags, content);
  parts.batches = rows.finish();
  parts.tags = std::move(tags);
  parts.summary.content_hash = content.hex();
  state.update_field(write_summary(parts));
  parts.state_hash = state.hex();
  return parts;
}

/// DataError if the sources hold nothing at all.
void require_something(const std::vector<ReadSource>& sources) {
  int64_t other_files = 0;
  std::string where;
  for (const ReadSource& source : sources) {
    if (source.summary.read > 0) return;
    other_files += source.summary.other_files;
    where += (where.empty() ? "" : ", ") + source.summary.path;
  }
  throw DataError(text("no picture and no post found", other_files ? ", only other files: " : "",
                       other_files ? grouped(other_files) : ""),
                  where, "give a folder that holds pictures, or a posts file with lines");
}

}  // namespace

BuiltManifest build_manifest(const std::vector<SourceOptions>& sources, const Manifest* previous) {
  const PictureProbe probe = make_probe(previous);
  TagDictionary tags;
  std::vector<ReadSource> read;
  for (const SourceOptions& source : sources) read.push_back(read_source(source, probe, tags));
  require_something(read);

  const MinorsFilter filter(MinorsLists::from_resources());
  const std::vector<MinorsFilter::Verdict> verdicts = filter.verdicts(tags);
  std::vector<Quarantined> quarantined;
  for (ReadSource& source : read) {
    exclude_minors(filter, verdicts, source);
    quarantine_duplicates(source);
    summarise(source);
    for (const BadSample& sample : source.bad) {
      std::string id =
          sample.line ? text("line ", sample.line, sample.id.empty() ? "" : ", id ", sample.id) : sample.id;
      quarantined.push_back({source.summary.path, std::move(id), sample.reason, sample.detail});
    }
  }
  TagDictionary sorted = sort_tags(std::move(tags), read);
  return {Manifest(make_parts(read, std::move(sorted))), std::move(quarantined)};
}

}  // namespace atelier
