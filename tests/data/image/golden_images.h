// Reads tests/golden/images: pictures, and what Pillow makes of them.
#pragma once

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace atelier {

inline std::filesystem::path golden_image(const std::string& name) {
  return std::filesystem::path(ATELIER_TEST_DATA) / "images" / name;
}

struct Ppm {
  int32_t width = 0, height = 0;
  std::vector<uint8_t> rgb;
};

inline Ppm read_ppm(const std::string& name) {
  std::ifstream in(golden_image(name), std::ios::binary);
  std::string magic;
  int maximum = 0;
  Ppm ppm;
  in >> magic >> ppm.width >> ppm.height >> maximum;
  in.get();
  ppm.rgb.resize(static_cast<size_t>(3) * ppm.width * ppm.height);
  in.read(reinterpret_cast<char*>(ppm.rgb.data()), static_cast<std::streamsize>(ppm.rgb.size()));
  if (!in || magic != "P6") throw std::runtime_error("cannot read " + name);
  return ppm;
}

inline int largest_difference(const std::vector<uint8_t>& a, const std::vector<uint8_t>& b) {
  int largest = a.size() == b.size() ? 0 : 256;
  for (size_t i = 0; i < std::min(a.size(), b.size()); ++i) largest = std::max(largest, std::abs(a[i] - b[i]));
  return largest;
}

/// Peak signal-to-noise ratio in dB.
inline double psnr(const std::vector<uint8_t>& a, const std::vector<uint8_t>& b) {
  if (a.size() != b.size()) return 0;
  double squares = 0;
  for (size_t i = 0; i < a.size(); ++i) squares += (a[i] - b[i]) * (a[i] - b[i]);
  return squares == 0 ? 99 : 10 * std::log10(255.0 * 255.0 * static_cast<double>(a.size()) / squares);
}

/// A file of its own for each test, gone with the object.
class ScratchFile {
 public:
  ScratchFile(const std::string& name, const std::string& bytes)
      : path_(std::filesystem::temp_directory_path() / ("atelier-image-test-" + std::to_string(::getpid()) + name)) {
    std::ofstream(path_, std::ios::binary) << bytes;
  }
  ~ScratchFile() { std::filesystem::remove(path_); }
  ScratchFile(const ScratchFile&) = delete;
  ScratchFile& operator=(const ScratchFile&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace atelier
