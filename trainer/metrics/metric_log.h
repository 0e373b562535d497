// metrics.jsonl: one JSON object a step (docs/formats/metrics_jsonl.md).
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "trainer/metrics/step_metrics.h"

namespace atelier {

class MetricLog {
 public:
  /// Cuts an existing file back to `last_step` (through a temporary file), then appends.
  MetricLog(const std::filesystem::path& file, int64_t last_step);
  ~MetricLog();
  MetricLog(const MetricLog&) = delete;
  MetricLog& operator=(const MetricLog&) = delete;

  /// The line is with the system when this returns. MachineError on a full disk.
  void write(const StepMetrics& metrics);
  /// On disk: before a checkpoint says that these steps are done.
  void sync();

 private:
  std::filesystem::path path_;
  int descriptor_ = -1;
};

/// One line, without its end. Numbers read back to the same bits.
std::string metrics_line(const StepMetrics& metrics);

}  // namespace atelier
