// One source, read once and put aside: which of its posts stay is known afterwards.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "data/ingest/source_reader.h"
#include "data/manifest/manifest.h"
#include "data/manifest/post_spill.h"
#include "data/manifest/tag_merger.h"

namespace atelier {

/// Posts in a row of the spill, in their order.
struct SpilledPart {
  PostSpill::Place place;
  std::vector<int32_t> dropped;  // rows that do not stay, ascending
};

struct SourceRows {
  SourceSummary summary;    // without what is counted of rows
  bool old_scheme = false;  // rating `s` means safe
  std::vector<SpilledPart> parts;
  std::vector<Quarantined> quarantined;   // in the source's order, duplicates last
  std::set<std::string> picture_folders;  // of posts that stay; known when they are written
};

/// Where the posts of all sources are collected.
struct Collection {
  PostSpill& spill;
  TagMerger& tags;
  TagCounts counts{};  // of the posts that stay
};

/// Reads all parts, in parallel, and drops the posts that sexualise minors and those of an id that the source had
/// before. `source`: its index.
SourceRows read_source(const SourceOptions& options, int32_t source, const PictureProbe& probe,
                       const MinorsFilter& minors, Collection& collection);

}  // namespace atelier
