// Progress of long work on stderr: a redrawn line with rate and ETA on a terminal, a plain line now and then elsewhere.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>

namespace atelier {

/// Thread-safe. Draws at most ten times a second on a terminal, every `kPlainIntervalSeconds` otherwise; nothing when
/// the log level is above info.
class Progress {
 public:
  static constexpr double kPlainIntervalSeconds = 15;

  /// `total` 0 means unknown: no ETA. `unit`: what is counted, plural ("pictures").
  Progress(std::string label, int64_t total, std::string unit);
  ~Progress();  // ends the line
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void advance(int64_t count = 1);
  /// Sets what stands behind the count: "loss 0.123  lr 1e-4".
  void set_note(std::string note);
  /// Starts the count at `done` (a resumed run): the rate is that of what follows.
  void start_at(int64_t done);
  /// Ends the line early, leaving the final figures.
  void finish();

 private:
  void draw(bool last);

  std::string label_, unit_, note_;
  int64_t total_;
  std::atomic<int64_t> done_{0};
  int64_t first_ = 0;
  std::chrono::steady_clock::time_point started_, drawn_;
  bool finished_ = false;
};

}  // namespace atelier
