// One build, into a folder that exists.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "data/manifest/build.h"
#include "data/post/tag_rules.h"

namespace atelier {

/// Hash of all that decides, besides the sources, what a manifest holds: the tables of tags and the lists that come
/// with the program.
std::string rules_state(const TagRules& rules);

struct BuildResult {
  ManifestSummary summary;
  std::vector<Quarantined> quarantined;
};

/// Writes the four files into `folder`. `budget_list`: where the list of bad samples is left when they are too many;
/// nullopt: nowhere.
BuildResult build_into(const std::filesystem::path& folder, const std::vector<SourceOptions>& sources,
                       const Manifest* previous, const TagRules& rules, const BuildOptions& options,
                       const std::optional<std::filesystem::path>& budget_list);

/// DataError (exit code 3) when more samples of what was read are bad than the options allow. `list`: where they are
/// listed.
void check_bad_samples(const SourceSummary& total, const BuildOptions& options, const std::filesystem::path& list);

}  // namespace atelier
