// What a report is made of: the same manifest, selection and plan as training's.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "data/dedup/leave_out_duplicates.h"
#include "data/manifest/manifest.h"
#include "data/options/dataset_options.h"
#include "data/options/prompt_options.h"
#include "data/plan/plan.h"
#include "data/select/select.h"

namespace atelier {

/// How a report came about.
struct ReportOrigin {
  std::string at;       // "2026-01-31T12:00:00Z"
  std::string program;  // "atelier 0.1.0"
  std::vector<std::string> command;
  std::optional<std::string> configuration = {};  // resolved YAML, of a run
  bool without_pictures = false;                  // posts whose picture is not here count as well
};

/// Views: all must outlive the call.
struct ReportInput {
  const Manifest& manifest;
  const Selection& selection;
  const DatasetOptions& options;
  const PromptOptions& prompts;
  const Plan* plan;  // nullptr: no post is usable, or none has a sample
  uint64_t seed;
  const std::vector<DuplicateRow>& duplicates;  // that the selection leaves out
  const std::vector<Quarantined>& quarantined;  // all of them, or the first of each reason
  const ReportOrigin& origin;
};

}  // namespace atelier
