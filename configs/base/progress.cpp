#include "configs/base/progress.h"

#include <cstdio>
#include <mutex>

#include "configs/base/log.h"
#include "configs/base/progress_line.h"

namespace atelier {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

std::mutex& progress_mutex() {
  static std::mutex mutex;
  return mutex;
}

std::string rate_text(double rate, const std::string& unit) {
  char buffer[64];
  std::snprintf(buffer, sizeof buffer, rate >= 100 ? "%.0f %s/s" : "%.2f %s/s", rate, unit.c_str());
  return buffer;
}

}  // namespace

Progress::Progress(std::string label, int64_t total, std::string unit)
    : label_(std::move(label)), unit_(std::move(unit)), total_(total), started_(Clock::now()), drawn_(started_) {}

Progress::~Progress() { finish(); }

void Progress::start_at(int64_t done) { done_ = first_ = done; }

void Progress::advance(int64_t count) {
  done_ += count;
  draw(false);
}

void Progress::set_note(std::string note) {
  const std::lock_guard lock(progress_mutex());
  note_ = std::move(note);
}

void Progress::finish() {
  if (finished_) return;
  draw(true);
  finished_ = true;
}

void Progress::draw(bool last) {
  if (log_level() > LogLevel::kInfo) return;
  const std::lock_guard lock(progress_mutex());
  const bool terminal = ProgressLine::is_terminal();
  if (!last && seconds_since(drawn_) < (terminal ? 0.1 : kPlainIntervalSeconds)) return;
  drawn_ = Clock::now();

  const double elapsed = seconds_since(started_);
  const int64_t done = done_;
  const double rate = elapsed > 0 ? static_cast<double>(done - first_) / elapsed : 0;
  std::string line = text(label_, ": ", grouped(done));
  if (total_ > 0) line += text(" of ", grouped(total_));
  line += text(" ", unit_, ", ", rate_text(rate, unit_));
  if (last) {
    line += text(", took ", human_seconds(elapsed));
  } else if (total_ > 0 && rate > 0) {
    line += text(", ETA ", human_seconds(static_cast<double>(total_ - done) / rate));
  }
  if (!note_.empty()) line += "  " + note_;
  if (terminal) {
    ProgressLine::draw(line);
    if (last) ProgressLine::end();
  } else {
    std::fprintf(stderr, "%s\n", line.c_str());
  }
}

}  // namespace atelier
