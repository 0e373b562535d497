// What a dataset holds, in numbers: report.json (docs/formats/report_json.md), its tables for a terminal, and what it
// is made of. The document is the report: tables and the page are drawn from it, of this dataset and of one that it is
// compared with alike.
#pragma once

#include <string>
#include <string_view>

#include "data/report/report_input.h"

namespace atelier {

inline constexpr int kReportVersion = 2;

/// report.json. All posts are counted, usable ones apart; what is said of selection, balance, buckets, samples and
/// captions comes from the code that training uses. Does not depend on the number of threads.
std::string make_report(const ReportInput& input);

/// `report` with the report `other` beside it. ConfigError, naming `path`, if that is none of this format and version.
std::string compare_reports(const std::string& report, const std::string& other, const std::string& path);

/// Tables and bars for a terminal of 80 columns; of two datasets if there is a comparison.
std::string report_tables(std::string_view report_json);

}  // namespace atelier
