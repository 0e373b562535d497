#include "data/manifest/source_rows.h"

#include <arrow/api.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <map>
#include <mutex>
#include <optional>

#include "configs/base/interrupt.h"
#include "configs/base/progress.h"
#include "configs/base/text.h"
#include "configs/base/thread_pool.h"
#include "data/ingest/timestamp.h"
#include "data/manifest/duplicate_ids.h"
#include "data/manifest/posts_table.h"

namespace atelier {
namespace {

/// What is remembered of a part besides its posts.
struct PartNotes {
  SpilledPart part;
  std::vector<IdHash> id_hashes;    // of its rows
  std::vector<int32_t> unless_old;  // rows that are excluded if `s` has its modern meaning
  std::vector<BadSample> bad;
  std::string file;
  int64_t lines = 0, posts = 0, excluded_minors = 0, other_files = 0, without_caption = 0;
  bool has_general = false;
  std::optional<int64_t> newest;  // created_at
};

/// Turns parts into spilled rows. One a thread.
class PartWorker {
 public:
  PartWorker(int32_t source, const MinorsFilter& minors, Collection& collection)
      : source_(source), minors_(minors), collection_(collection) {}

  PartNotes take(PostBatch batch) {
    PartNotes notes;
    const TagMerger::PartTags tags = collection_.tags.merge(batch.tags);
    counts_.grow(tags.tag_count);
    for (const Post& post : batch.posts) {
      notes.has_general |= post.rating == Rating::kGeneral;
      if (post.created_at) notes.newest = std::max(notes.newest.value_or(*post.created_at), *post.created_at);
      if (is_excluded(post, tags, post.rated_s ? Rating::kSensitive : post.rating)) {
        if (!post.rated_s || is_excluded(post, tags, Rating::kSafe)) {
          ++notes.excluded_minors;
          continue;
        }
        notes.unless_old.push_back(static_cast<int32_t>(notes.id_hashes.size()));
      }
      notes.id_hashes.push_back(hash_id(post.id));
      add(post, tags);
    }
    notes.part.place = collection_.spill.write(*table_.finish());
    notes.posts = static_cast<int64_t>(batch.posts.size());
    notes.bad = std::move(batch.bad);
    notes.file = std::move(batch.file);
    notes.lines = batch.lines;
    notes.other_files = batch.other_files;
    notes.without_caption = batch.without_caption;
    return notes;
  }

  const TagCounts& counts() const { return counts_; }

 private:
  bool is_excluded(const Post& post, const TagMerger::PartTags& tags, Rating rating) const {
    const auto excluded_by = [&](const std::string& caption) {
      return minors_.excludes(post.tags, tags.verdicts, caption, rating);
    };
    return excluded_by(post.caption) || std::ranges::any_of(post.further_captions, excluded_by);
  }

  void add(const Post& post, const TagMerger::PartTags& tags) {
    ids_.clear();
    for (const int32_t tag : post.tags) ids_.push_back(tags.ids[static_cast<size_t>(tag)]);
    counts_.add(ids_, resolver_.resolve(post.tags, tags.meanings));
    table_.add(post, source_, ids_);
  }

  int32_t source_;
  const MinorsFilter& minors_;
  Collection& collection_;
  PostsTableBuilder table_;
  TagResolver resolver_;
  TagCounts counts_;
  std::vector<int32_t> ids_;
};

std::vector<PartNotes> read_parts(const SourceReader& reader, const std::string& path, int32_t source,
                                  const PictureProbe& probe, const MinorsFilter& minors, Collection& collection) {
  const int64_t parts = reader.part_count();
  int64_t total = 0;
  for (int64_t part = 0; part < parts; ++part) total += reader.part_size(part);
  Progress progress("scan " + path, total, reader.kind() == "folder" ? "files" : "KiB");
  std::vector<PartNotes> notes(static_cast<size_t>(parts));
  std::atomic<int64_t> next{0};
  std::mutex mutex;
  const int threads = available_cores();
  parallel_for(threads, threads, [&](int64_t) {
    PartWorker worker(source, minors, collection);
    for (int64_t part; (part = next++) < parts;) {
      check_interrupted();
      notes[static_cast<size_t>(part)] = worker.take(reader.read(part, probe));
      progress.advance(reader.part_size(part));
    }
    const std::lock_guard lock(mutex);
    collection.counts.add(worker.counts());
  });
  return notes;
}

/// What the source's `s` means (SourceOptions::rating_scheme).
bool is_old_scheme(const std::string& wanted, const std::vector<PartNotes>& parts) {
  if (wanted != "auto") return wanted == "old";
  std::optional<int64_t> newest;
  for (const PartNotes& part : parts) {
    if (part.has_general) return false;
    if (part.newest) newest = std::max(newest.value_or(*part.newest), *part.newest);
  }
  return newest && year_of(*newest) < 2022;
}

/// Takes the tags of dropped rows out of the counts again.
void uncount_dropped(const std::vector<PartNotes>& parts, Collection& collection) {
  TagResolver resolver;
  for (const PartNotes& part : parts) {
    if (part.part.dropped.empty()) continue;
    const auto batch = collection.spill.read(part.part.place);
    const auto& lists = static_cast<const arrow::ListArray&>(*batch->column(kReadTagsColumn));
    const int32_t* ids = static_cast<const arrow::Int32Array&>(*lists.values()).raw_values();
    for (const int32_t row : part.part.dropped) {
      const std::span tags(ids + lists.value_offset(row), static_cast<size_t>(lists.value_length(row)));
      collection.counts.add(tags, resolver.resolve(tags, collection.tags.meanings()), -1);
    }
  }
}

/// Of posts with one id the first that stays, stays.
void drop_duplicates(std::vector<PartNotes>& parts, const PostSpill& spill, SourceRows& source) {
  int64_t rows = 0;
  for (const PartNotes& part : parts) rows += part.part.place.rows;
  SeenIds seen(rows);
  for (PartNotes& part : parts) {
    std::vector<int32_t> dropped = part.part.dropped;
    auto next_dropped = part.part.dropped.begin();
    std::shared_ptr<arrow::RecordBatch> batch;
    for (int32_t i = 0; i < static_cast<int32_t>(part.id_hashes.size()); ++i) {
      const bool is_dropped = next_dropped != part.part.dropped.end() && *next_dropped == i;
      next_dropped += is_dropped;
      if (is_dropped || seen.insert(part.id_hashes[static_cast<size_t>(i)])) continue;
      if (!batch) batch = spill.read(part.part.place);
      source.quarantined.push_back({source.summary.path,
                                    static_cast<const arrow::StringArray&>(*batch->column(kIdColumn)).GetString(i),
                                    "duplicate_id", "an earlier post of this source has the same id"});
      dropped.push_back(i);
    }
    std::ranges::sort(dropped);
    part.part.dropped = std::move(dropped);
  }
}

/// "line 17, id 5"; lines are counted on through the parts of one file.
void list_bad_samples(const std::vector<PartNotes>& parts, SourceRows& source) {
  std::map<std::string, int64_t> lines_before;
  for (const PartNotes& part : parts) {
    int64_t& before = lines_before[part.file];
    for (const BadSample& sample : part.bad) {
      const std::string place = sample.line ? text("line ", before + sample.line) : sample.place;
      std::string id = place.empty() ? sample.id : sample.id.empty() ? place : text(place, ", id ", sample.id);
      if (sample.line && !part.file.empty()) id = text(part.file, ", ", id);
      source.quarantined.push_back({source.summary.path, std::move(id), sample.reason, sample.detail, sample.samples});
    }
    before += part.lines;
  }
}

}  // namespace

SourceRows read_source(const SourceOptions& options, int32_t source_index, const PictureProbe& probe,
                       const MinorsFilter& minors, Collection& collection) {
  const std::unique_ptr<SourceReader> reader = open_source(options);
  SourceRows source;
  source.summary.path = options.name.empty() ? options.path : options.name;
  source.summary.kind = reader->kind();
  std::vector<PartNotes> parts = read_parts(*reader, options.path, source_index, probe, minors, collection);

  source.old_scheme = is_old_scheme(options.rating_scheme, parts);
  source.summary.rating_scheme = source.old_scheme ? "old" : "modern";
  list_bad_samples(parts, source);
  for (PartNotes& part : parts) {
    if (!source.old_scheme) {
      part.excluded_minors += static_cast<int64_t>(part.unless_old.size());
      part.part.dropped = std::move(part.unless_old);
    }
    source.summary.read += part.posts;
    for (const BadSample& sample : part.bad) source.summary.read += sample.samples;
    source.summary.excluded_minors += part.excluded_minors;
    source.summary.other_files += part.other_files;
    source.summary.without_caption += part.without_caption;
  }
  drop_duplicates(parts, collection.spill, source);
  uncount_dropped(parts, collection);
  for (const Quarantined& sample : source.quarantined) source.summary.quarantined[sample.reason] += sample.samples;
  for (PartNotes& part : parts) source.parts.push_back(std::move(part.part));
  return source;
}

}  // namespace atelier
