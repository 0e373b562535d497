// The one redrawn terminal line that progress and log share.
#pragma once

#include <mutex>
#include <string>
#include <string_view>

namespace atelier {

class ProgressLine {
 public:
  /// Takes the line off the terminal while something else is printed; puts it back afterwards.
  class Pause {
   public:
    Pause();
    ~Pause();

   private:
    std::lock_guard<std::recursive_mutex> lock_;
  };

  /// Replaces the line (terminal only).
  static void draw(std::string_view line);
  /// Ends it with a line break.
  static void end();
  static bool is_terminal();
};

}  // namespace atelier
