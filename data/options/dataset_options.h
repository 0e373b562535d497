// The `dataset:` section of a run: where posts come from, which are taken, how often, at what size, with what words.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "configs/schema/field.h"
#include "data/options/balance_options.h"
#include "data/options/bucket_options.h"
#include "data/options/cache_options.h"
#include "data/options/caption_options.h"
#include "data/options/loader_options.h"
#include "data/options/select_options.h"
#include "data/options/source_options.h"
#include "data/options/tag_options.h"

namespace atelier {

struct DatasetOptions {
  std::vector<SourceOptions> sources;
  TagOptions tags;
  SelectOptions select;
  BalanceOptions balance;
  BucketOptions buckets;
  CaptionOptions captions;
  LoaderOptions loader;
  CacheOptions cache;
  std::optional<std::string> manifest_dir;
};

/// How the pictures of a source are read: what it says itself, else what dataset.loader says.
struct LoaderChoices {
  bool flip_aug, random_crop, alpha_mask;
};

inline LoaderChoices loader_choices(const LoaderOptions& loader, const SourceOptions& source) {
  return {source.flip_aug.value_or(loader.flip_aug), source.random_crop.value_or(loader.random_crop),
          source.alpha_mask.value_or(loader.alpha_mask)};
}

inline void describe(Section& section, DatasetOptions& options) {
  section.sections("sources", options.sources)
      .inherits("captions")
      .doc("Where the posts come from; several are mixed.");
  section.section("tags", options.tags).doc("What tags mean besides their names.");
  section.section("select", options.select).doc("Which posts are taken.");
  section.section("balance", options.balance).doc("How often each post is used.");
  section.section("buckets", options.buckets).doc("The sizes that pictures are trained at.");
  section.section("captions", options.captions).doc("How the text of a sample is made.");
  section.section("loader", options.loader).doc("How pictures are read.");
  describe_cache(section, options.cache);
  section.field("manifest_dir", options.manifest_dir)
      .path()
      .doc("Folder of the manifest, and of nothing else; null: OUTPUT_DIR/manifest.");
}

}  // namespace atelier
