// The sections of report.json (docs/formats/report_json.md), each as JSON text. One file a section.
#pragma once

#include <string>

#include "data/report/post_counts.h"
#include "data/report/report_input.h"

namespace atelier {

std::string posts_section(const ReportInput& input, const PostCounts& counts);
std::string exclusions_section(const ReportInput& input);
std::string sources_section(const ReportInput& input);
std::string formats_section(const PostCounts& counts);
/// Of all posts, one measure after another.
std::string quantiles_section(const ReportInput& input);
std::string people_section(const ReportInput& input, const PostCounts& counts);
std::string tags_section(const ReportInput& input, const PostCounts& counts);
/// Which tags lean to which class of people.
std::string lean_section(const ReportInput& input, const PostCounts& counts);
/// REQUIRES a plan.
std::string exposure_section(const ReportInput& input, const PostCounts& counts);
std::string sizes_section(const ReportInput& input, const PostCounts& counts);
std::string time_section(const ReportInput& input, const PostCounts& counts);
/// REQUIRES a plan.
std::string captions_section(const ReportInput& input);
std::string duplicates_section(const ReportInput& input, const PostCounts& counts);
std::string quarantine_section(const ReportInput& input);
std::string licence_section(const ReportInput& input, const PostCounts& counts);
std::string made_section(const ReportInput& input);
/// What to check, of the other sections: `document` is report.json so far.
std::string findings_section(const std::string& document);

}  // namespace atelier
