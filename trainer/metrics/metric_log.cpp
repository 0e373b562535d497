#include "trainer/metrics/metric_log.h"

#include <fcntl.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "configs/base/atomic_file.h"
#include "configs/base/error.h"

namespace atelier {
namespace {

nlohmann::ordered_json number_or_null(const std::optional<double>& value) {
  return value ? nlohmann::ordered_json(*value) : nlohmann::ordered_json(nullptr);
}

/// The lines up to `last_step`; a last line that a killed run left unfinished is dropped.
std::string lines_up_to(const std::string& content, int64_t last_step) {
  std::string kept;
  for (size_t begin = 0; begin < content.size();) {
    const size_t end = content.find('\n', begin);
    if (end == std::string::npos) break;
    const std::string line = content.substr(begin, end + 1 - begin);
    const auto json = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (!json.is_object() || json.value("step", last_step + 1) > last_step) break;
    kept += line;
    begin = end + 1;
  }
  return kept;
}

}  // namespace

std::string metrics_line(const StepMetrics& metrics) {
  nlohmann::ordered_json line = {{"step", metrics.step}, {"epoch", metrics.epoch}, {"loss", metrics.loss}};
  line["lr"] = nlohmann::ordered_json::object();
  for (const auto& [group, rate] : metrics.learning_rates) line["lr"][group] = rate;
  line["grad_norm"] = metrics.grad_norm;
  line["images_per_second"] = metrics.images_per_second;
  line["data_wait_seconds"] = metrics.data_wait_seconds;
  line["step_seconds"] = metrics.step_seconds;
  line["memory_bytes"] = metrics.memory_bytes;
  line["loss_by_timestep"] = nlohmann::ordered_json::array();
  for (const auto& loss : metrics.loss_by_timestep) line["loss_by_timestep"].push_back(number_or_null(loss));
  line["loss_by_person_class"] = nlohmann::ordered_json::object();
  for (const auto& [name, loss] : metrics.loss_by_person_class) {
    if (loss) line["loss_by_person_class"][name] = *loss;
  }
  return line.dump();
}

MetricLog::MetricLog(const std::filesystem::path& file, int64_t last_step) : path_(file) {
  const std::string before = std::filesystem::exists(file) ? read_file(file) : "";
  const std::string kept = lines_up_to(before, last_step);
  if (kept != before) write_file_atomically(file, kept);
  descriptor_ = ::open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  if (descriptor_ < 0) throw_errno("cannot write", file.string());
}

MetricLog::~MetricLog() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void MetricLog::write(const StepMetrics& metrics) {
  const std::string line = metrics_line(metrics) + "\n";
  const ssize_t written = ::write(descriptor_, line.data(), line.size());
  if (written < 0) throw_errno("cannot write", path_.string());
  if (static_cast<size_t>(written) == line.size()) return;
  throw MachineError("no space left for metrics", path_.string(), "free some space, then resume with --resume auto");
}

void MetricLog::sync() {
  if (::fsync(descriptor_) != 0) throw_errno("cannot write to disk", path_.string());
}

}  // namespace atelier
