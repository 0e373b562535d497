// What report.html is put together from: the files of data/report/page and Chart.js, as they were at build time.
#pragma once

#include <span>
#include <string_view>

namespace atelier {

struct EmbeddedFile {
  std::string_view name, text;
};

/// report.html, report.css, then the scripts in the order in which they run.
extern const std::span<const EmbeddedFile> kPageFiles;

}  // namespace atelier
