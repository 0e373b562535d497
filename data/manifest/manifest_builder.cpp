#include "data/manifest/manifest_builder.h"

#include <algorithm>
#include <chrono>

#include "configs/base/atomic_file.h"
#include "configs/base/error.h"
#include "configs/base/hash.h"
#include "configs/base/log.h"
#include "configs/base/resources.h"
#include "configs/base/text.h"
#include "data/manifest/finished_posts.h"
#include "data/manifest/manifest_parts.h"
#include "data/manifest/source_rows.h"
#include "data/manifest/source_state.h"

namespace atelier {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kCharacterGroups = "lists/character_groups.tsv";

int64_t now_ns() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::nanoseconds>(now).count();
}

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
    probe.remember(previous->path(row), previous->file_size(row), previous->file_modified_ns(row), info,
                   previous->file_offset(row));
  }
  return probe;
}

/// DataError if the sources hold nothing at all.
void require_something(const std::vector<SourceRows>& sources) {
  int64_t other_files = 0;
  std::string where;
  for (const SourceRows& source : sources) {
    if (source.summary.read > 0) return;
    other_files += source.summary.other_files;
    where += (where.empty() ? "" : ", ") + source.summary.path;
  }
  throw DataError(text("no picture and no post found", other_files ? ", only other files: " : "",
                       other_files ? grouped(other_files) : ""),
                  where, "give a folder that holds pictures, or a posts file with lines");
}

void hash_tags(const TagDictionary& tags, ContentHasher& hasher) {
  for (int32_t tag = 0; tag < tags.size(); ++tag) {
    hasher.update_field(tags.name(tag));
    hasher.update_number(static_cast<int64_t>(tags.category(tag)));
  }
}

/// Nobody knows how many samples were in what is missing of a file, so that no share of bad samples tells it.
void warn_of_damaged_files(const std::vector<Quarantined>& quarantined) {
  for (const Quarantined& sample : quarantined) {
    if (!sample.reason.starts_with("file_")) continue;
    log_warning(sample.source, ": ", sample.id, ": ", sample.reason, ": ", sample.detail);
  }
}

BuildResult summarise(std::vector<SourceRows>& sources) {
  BuildResult result;
  for (SourceRows& source : sources) {
    result.summary.sources.push_back(source.summary);
    std::ranges::move(source.quarantined, std::back_inserter(result.quarantined));
    source.quarantined.clear();
  }
  return result;
}

}  // namespace

std::string rules_state(const TagRules& rules) {
  ContentHasher hasher;
  hasher.update_field(rules.hash());
  for (const std::string_view list : {std::string_view("lists/minors_always.txt"),
                                      std::string_view("lists/minors_unless_general.txt"), kCharacterGroups}) {
    hasher.update_field(read_file(resource_path(list)));
  }
  return hasher.hex();
}

BuildResult build_into(const fs::path& folder, const std::vector<SourceOptions>& sources, const Manifest* previous,
                       const TagRules& rules, const BuildOptions& options, const std::optional<fs::path>& budget_list) {
  const int64_t started_ns = now_ns();
  PostSpill spill(folder);
  const MinorsFilter minors(MinorsLists::from_resources());
  TagMerger tags(rules, minors);
  Collection collection{spill, tags};
  std::vector<SourceRows> read;
  {
    const PictureProbe probe = make_probe(previous);
    for (size_t i = 0; i < sources.size(); ++i) {
      read.push_back(read_source(sources[i], static_cast<int32_t>(i), probe, minors, collection));
    }
  }
  require_something(read);
  BuildResult result = summarise(read);
  warn_of_damaged_files(result.quarantined);
  try {
    check_bad_samples(result.summary.total(), options, budget_list.value_or(fs::path()));
  } catch (const DataError&) {
    if (budget_list) write_quarantine(result.quarantined, *budget_list);
    throw;
  }

  TagMerger::Finished finished = tags.finish(std::move(collection.counts));
  const PersonClassifier people(finished.dictionary, CharacterGroups(resource_path(kCharacterGroups)));
  ContentHasher content;
  content.update_field(write_posts(read, {spill, finished, people}, folder / kPostsFile));
  hash_tags(finished.dictionary, content);
  write_tags(finished.dictionary, folder / kTagsFile);
  write_quarantine(result.quarantined, folder / kQuarantineFile);

  ManifestParts parts;
  for (size_t i = 0; i < read.size(); ++i) result.summary.sources[i] = read[i].summary;
  result.summary.content_hash = content.hex();
  parts.summary = result.summary;
  parts.rules_state = rules_state(rules);
  for (size_t i = 0; i < sources.size(); ++i) {
    parts.source_states.push_back(source_state(sources[i], std::move(read[i].picture_folders), started_ns));
  }
  int64_t rows = 0;
  for (const SourceSummary& source : result.summary.sources) rows += source.rows;
  parts.tags = std::move(finished.dictionary);
  write_file_atomically(folder / kManifestFile, write_summary(parts, rows));
  return result;
}

void check_bad_samples(const SourceSummary& total, const BuildOptions& options, const fs::path& list) {
  int64_t bad = 0;
  std::string reasons;
  for (const auto& [reason, samples] : total.quarantined) {
    bad += samples;
    reasons += text(reasons.empty() ? "" : ", ", reason, " ", grouped(samples));
  }
  const double share = static_cast<double>(bad) / static_cast<double>(std::max<int64_t>(total.read, 1));
  const bool too_many = options.max_bad_samples ? bad > *options.max_bad_samples : share > options.max_bad_share;
  if (!too_many) return;
  const std::string allowed =
      options.max_bad_samples ? grouped(*options.max_bad_samples) : text(shortest(100 * options.max_bad_share), " %");
  throw DataError(
      text(grouped(bad), " samples of ", grouped(total.read), " are quarantined, ", allowed, " are allowed: ", reasons),
      list.string(), "repair what is listed there, or allow more by dataset.select.max_bad_share or max_bad_samples");
}

}  // namespace atelier
