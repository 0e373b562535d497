// What data/image makes of picture files, for tests that compare it with other programs.
//
//   decode-pictures [--size WIDTHxHEIGHT] OUT_FOLDER PICTURE...
//
// Prints one line of JSON a picture: what its header says, its hashes, or the error; and writes its RGB bytes and its
// alpha to OUT_FOLDER/INDEX.rgb and INDEX.alpha, resized if a size is given.
#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "configs/base/atomic_file.h"
#include "configs/base/error.h"
#include "configs/base/text.h"
#include "data/image/decode.h"
#include "data/image/image_info.h"
#include "data/image/perceptual_hash.h"
#include "data/image/pixel_hash.h"

namespace atelier {
namespace {

std::string hex(std::span<const uint64_t> numbers) {
  std::string out;
  for (const uint64_t number : numbers) {
    char digits[17];
    std::snprintf(digits, sizeof digits, "%016llx", static_cast<unsigned long long>(number));
    out += digits;
  }
  return out;
}

void write_bytes(const std::string& path, const std::vector<uint8_t>& bytes) {
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
}

/// The site refuses pictures that training can still use: a JPEG without its end.
std::string hash_or_reason(std::span<const std::byte> file) {
  try {
    return pixel_hash(file);
  } catch (const DataError& error) {
    return error.summary();
  }
}

nlohmann::ordered_json facts_of(const std::string& path, const std::string& size, const std::string& out) {
  const std::string bytes = read_file(path);
  const auto file = std::as_bytes(std::span(bytes));
  const ImageInfo info = probe_image(file);
  nlohmann::ordered_json facts = {
      {"format", image_format_name(info.format)}, {"width", info.width},       {"height", info.height},
      {"orientation", info.orientation},          {"animated", info.animated}, {"truncated", info.truncated}};
  int32_t width = info.width, height = info.height;
  if (!size.empty()) {
    width = std::stoi(size);
    height = std::stoi(size.substr(size.find('x') + 1));
  }
  const Placement placement{width, height, 0, 0, width, height};
  const auto area = static_cast<size_t>(width) * static_cast<size_t>(height);
  if (area > size_t{100} << 20) decode_image(file);  // refused before there is any memory for it
  std::vector<uint8_t> rgb(area * 3), alpha(area);
  decode_image_into(file, {}, placement, {.rgb = rgb, .alpha = alpha});
  write_bytes(out + ".rgb", rgb);
  write_bytes(out + ".alpha", alpha);
  const PerceptualHash look = perceptual_hash(file);
  facts["pixel_hash"] = hash_or_reason(file);
  facts["difference"] = hex({&look.difference, 1});
  facts["fine_difference"] = hex(look.fine_difference);
  facts["frequency"] = hex({&look.frequency, 1});
  facts["fine_frequency"] = hex(look.fine_frequency);
  facts["contrast"] = look.contrast;
  facts["is_plain"] = look.is_plain();
  return facts;
}

int run(std::vector<std::string> arguments) {
  std::string size;
  if (arguments.size() > 2 && arguments[0] == "--size") {
    size = arguments[1];
    arguments.erase(arguments.begin(), arguments.begin() + 2);
  }
  for (size_t i = 1; i < arguments.size(); ++i) {
    nlohmann::ordered_json facts;
    try {
      facts = facts_of(arguments[i], size, text(arguments[0], "/", i - 1));
    } catch (const Error& error) {
      facts = {{"error", error.summary()}};
    }
    std::printf("%s\n", facts.dump().c_str());
  }
  return 0;
}

}  // namespace
}  // namespace atelier

int main(int argc, char** argv) { return atelier::run({argv + 1, argv + argc}); }
