// Millions of damaged headers for the safetensors reader, under the address and undefined-behaviour sanitizers: each is
// read and keeps every promise of the format, or is a WeightsError, and none takes much memory. A program of its own:
// it is compiled with the sanitizers in every build (tests/CMakeLists.txt).
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <optional>
#include <set>

#include "configs/base/error.h"
#include "configs/base/random.h"
#include "configs/base/safetensors_header.h"
#include "configs/base/text.h"

// Of the sanitizers' interface, whose header not every compiler brings.
extern "C" int __sanitizer_install_malloc_and_free_hooks(void (*on_malloc)(const volatile void*, size_t),
                                                         void (*on_free)(const volatile void*));
extern "C" size_t __sanitizer_get_allocated_size(const volatile void* pointer);

namespace atelier {
namespace {

using namespace std::string_literals;

// --- memory in use, as the sanitizer's allocator sees it ---

struct Memory {
  bool counting = false;
  int64_t live = 0, peak = 0;
};
Memory g_memory;

void on_malloc(const volatile void*, size_t size) {
  if (!g_memory.counting) return;
  g_memory.live += static_cast<int64_t>(size);
  g_memory.peak = std::max(g_memory.peak, g_memory.live);
}

void on_free(const volatile void* pointer) {
  if (g_memory.counting && pointer) {
    g_memory.live -= static_cast<int64_t>(__sanitizer_get_allocated_size(pointer));
  }
}

/// What reading a header may take: a fixed part (parser, messages) and a multiple of the file.
int64_t allowed_memory(size_t file_size) { return 64 * 1024 + 24 * static_cast<int64_t>(file_size); }

// --- inputs ---

struct Input {
  std::string header;
  uint64_t data_size = 0;
  std::optional<uint64_t> claimed_length;  // instead of the header's real one

  std::string file() const {
    const uint64_t length = claimed_length.value_or(header.size());
    return std::string(reinterpret_cast<const char*>(&length), 8) + header + std::string(data_size, 'x');
  }
};

/// A header that every reader must take: tensors of all types in shuffled order, empty ones, metadata, padding. A lying
/// one lays some tensors over others or leaves gaps between them, all else being right.
Input make_input(CounterRng& rng, bool lying) {
  struct Type {
    const char* name;
    uint64_t size;
  };
  constexpr std::array<Type, 12> kTypes = {{{"F64", 8},
                                            {"F32", 4},
                                            {"F16", 2},
                                            {"BF16", 2},
                                            {"F8_E4M3", 1},
                                            {"F8_E5M2", 1},
                                            {"I64", 8},
                                            {"I32", 4},
                                            {"I16", 2},
                                            {"I8", 1},
                                            {"U8", 1},
                                            {"BOOL", 1}}};
  Input input;
  std::vector<std::string> entries;
  const uint64_t count = rng.below(9);
  for (uint64_t i = 0; i < count; ++i) {
    const Type& type = kTypes[rng.below(kTypes.size())];
    uint64_t bytes = type.size;
    std::vector<std::string> sides;
    for (uint64_t side = rng.below(5); side > 0; --side) {
      const uint64_t length = rng.below(5);
      sides.push_back(std::to_string(length));
      bytes *= length;
    }
    const uint64_t lie = lying ? rng.below(4) : 0;
    if (lie == 1) input.data_size += 1 + rng.below(4);                                   // a gap
    if (lie == 2 && bytes <= input.data_size) input.data_size -= bytes;                  // over the bytes before it
    const uint64_t begin = lie == 3 ? rng.below(input.data_size + 1) : input.data_size;  // anywhere before
    entries.push_back(text("\"blocks.", i, rng.below(2) ? ".weight" : ".\\u00e9", "\":{\"dtype\":\"", type.name,
                           "\",\"shape\":[", join(sides, ","), "],\"data_offsets\":[", begin, ",", begin + bytes,
                           "]}"));
    input.data_size = std::max(input.data_size, begin + bytes);
  }
  if (rng.below(2)) entries.push_back(R"("__metadata__":{"format":"pt","title":"\n\"é","empty":""})");
  const KeyedPermutation order(std::max<size_t>(entries.size(), 1), rng.next());
  std::vector<std::string> shuffled;
  for (size_t i = 0; i < entries.size(); ++i) shuffled.push_back(entries[order(i)]);
  input.header = "{" + join(shuffled, ",") + "}" + std::string(rng.below(9), ' ');
  return input;
}

const std::string& any_of(const std::vector<std::string>& choices, CounterRng& rng) {
  return choices[rng.below(choices.size())];
}

const std::vector<std::string>& pieces() {
  static const std::vector<std::string> kPieces = {"{",
                                                   "}",
                                                   "[",
                                                   "]",
                                                   ",",
                                                   ":",
                                                   "\"",
                                                   "\\",
                                                   "null",
                                                   "true",
                                                   "NaN",
                                                   "-",
                                                   "-0",
                                                   "0.5",
                                                   "1e999",
                                                   "\0"s,
                                                   "\xff",
                                                   "\xc3",
                                                   "\xed\xa0\x80",
                                                   "\xf4\x90\x80\x80",
                                                   "\\u0000",
                                                   "\\ud800",
                                                   "\\u001b",
                                                   "/*",
                                                   "//",
                                                   "\xef\xbb\xbf",
                                                   "\"dtype\":\"F32\",",
                                                   "\"shape\":[1],",
                                                   "\"data_offsets\":[0,0],",
                                                   "\"x\":1,",
                                                   "\"__metadata__\":{\"a\":\"b\"},",
                                                   "\"__metadata__\":null,",
                                                   "\"__metadata__\":{\"a\":1},",
                                                   "\"a\":{},",
                                                   "\"blocks.0.weight\":",
                                                   "\"F31\"",
                                                   "{\"a\":"};
  return kPieces;
}

const std::vector<std::string>& numbers() {
  static const std::vector<std::string> kNumbers = {"0",
                                                    "1",
                                                    "-1",
                                                    "2147483648",
                                                    "4294967296",
                                                    "4611686018427387904",
                                                    "9223372036854775807",
                                                    "9223372036854775808",
                                                    "18446744073709551615",
                                                    "18446744073709551616",
                                                    "1e3",
                                                    "1.0",
                                                    "00",
                                                    "-9223372036854775809",
                                                    std::string(400, '9')};
  return kNumbers;
}

void replace_number(std::string& header, CounterRng& rng) {
  constexpr std::string_view kDigits = "0123456789";
  const size_t begin = header.find_first_of(kDigits, rng.below(header.size() + 1));
  if (begin == std::string::npos) return;
  const size_t end = std::min(header.find_first_not_of(kDigits, begin), header.size());
  header.replace(begin, end - begin, any_of(numbers(), rng));
}

/// A part of the header again, or at another place, or not at all.
void splice(std::string& header, CounterRng& rng) {
  const size_t begin = rng.below(header.size() + 1), length = rng.below(60);
  const std::string part = header.substr(begin, length);
  if (rng.below(2)) header.erase(begin, length);
  if (rng.below(2)) header.insert(rng.below(header.size() + 1), part);
}

/// Something huge: depth, a long list, a long name, many entries, a long number.
void add_bulk(std::string& header, CounterRng& rng) {
  const size_t size = size_t{1} << (4 + rng.below(11));
  std::string bulk;
  switch (rng.below(6)) {
    case 0: bulk = std::string(size, '['); break;
    case 1:
      for (size_t i = 0; i < size; ++i) bulk += "{\"a\":";
      break;
    case 2:
      for (size_t i = 0; i < size; ++i) bulk += "1,";
      break;
    case 3: bulk = "\"" + std::string(size, 'n') + "\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]},"; break;
    case 4:
      for (size_t i = 0; i < size / 8; ++i)
        bulk += text("\"e", i, R"(":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},)");
      break;
    default: bulk = std::string(size, '1');
  }
  const size_t bracket = header.find_first_of("[{", rng.below(header.size() + 1));
  header.insert(bracket == std::string::npos ? header.size() : bracket + 1, bulk);
}

uint64_t wrong_length(uint64_t length, CounterRng& rng) {
  const std::array<uint64_t, 10> lengths = {
      0,           1,           length - 1,         length + 1,        2 * length,
      100'000'000, 100'000'001, 100'000'000'000ULL, uint64_t{1} << 63, ~uint64_t{0}};
  return lengths[rng.below(lengths.size())];
}

void damage(Input& input, CounterRng& rng) {
  std::string& header = input.header;
  const auto position = [&] { return rng.below(header.size() + 1); };
  switch (rng.below(10)) {
    case 0:
      if (!header.empty()) header[rng.below(header.size())] ^= static_cast<char>(1 << rng.below(8));
      break;
    case 1:
      if (!header.empty()) header[rng.below(header.size())] = static_cast<char>(rng.below(256));
      break;
    case 2: header.insert(position(), any_of(pieces(), rng)); break;
    case 3: header.insert(std::min(header.size(), size_t{1}), any_of(pieces(), rng)); break;
    case 4: replace_number(header, rng); break;
    case 5: splice(header, rng); break;
    case 6: header.resize(position()); break;
    case 7: add_bulk(header, rng); break;
    case 8: input.claimed_length = wrong_length(header.size(), rng); break;
    default: input.data_size = rng.below(2) ? input.data_size + 1 + rng.below(9) : rng.below(input.data_size + 1);
  }
}

// --- the promises ---

uint64_t bytes_of_shape(const SafeTensorInfo& tensor) {
  uint64_t bytes = safe_dtype_size(tensor.dtype);
  for (const int64_t side : tensor.shape) bytes *= static_cast<uint64_t>(side);
  return bytes;
}

void expect_sound(const SafetensorsHeader& header, const std::string& file) {
  ASSERT_GE(header.data_begin, 10u);
  ASSERT_LE(header.data_begin, file.size());
  uint64_t expected = 0;
  std::set<std::string> names;
  for (const SafeTensorInfo& tensor : header.tensors) {
    ASSERT_EQ(tensor.begin, expected);
    ASSERT_LE(tensor.end, file.size() - header.data_begin);
    ASSERT_EQ(tensor.byte_count(), bytes_of_shape(tensor));
    ASSERT_TRUE(names.insert(tensor.name).second) << tensor.name;
    ASSERT_TRUE(is_valid_utf8(tensor.name));
    expected = tensor.end;
  }
  ASSERT_EQ(expected, file.size() - header.data_begin);
}

struct Outcome {
  int64_t read = 0, refused = 0;
};

/// One file, in a block of memory that ends where it ends.
void read_one(const std::string& file, Outcome& outcome) {
  static const int installed = __sanitizer_install_malloc_and_free_hooks(on_malloc, on_free);
  ASSERT_GT(installed, 0);
  const std::vector<std::byte> exact(reinterpret_cast<const std::byte*>(file.data()),
                                     reinterpret_cast<const std::byte*>(file.data()) + file.size());
  const std::string name = "x.safetensors";
  g_memory = {.counting = true, .live = 0, .peak = 0};
  try {
    const SafetensorsHeader header = parse_safetensors_header(exact, name);
    g_memory.counting = false;
    expect_sound(header, file);
    ++outcome.read;
  } catch (const WeightsError& error) {
    g_memory.counting = false;
    EXPECT_NE(error.where().find(name), std::string::npos);
    EXPECT_LT(error.where().size() + error.summary().size(), 600u);  // a message stays a message
    ++outcome.refused;
  }
  ASSERT_GT(g_memory.peak, 0);
  ASSERT_LE(g_memory.peak, allowed_memory(file.size())) << "for a file of " << file.size() << " bytes";
}

void fuzz(uint64_t count) {
  Outcome good, damaged;
  for (uint64_t i = 0; i < count; ++i) {
    CounterRng rng(1, "safetensors fuzz", {i});
    const uint64_t times = rng.below(5);
    const bool lying = rng.below(8) == 0;
    Input input = make_input(rng, lying);
    for (uint64_t k = 0; k < times; ++k) damage(input, rng);
    std::string file = input.file();
    if (times > 0 && rng.below(16) == 0) file.resize(rng.below(file.size()));
    ASSERT_NO_FATAL_FAILURE(read_one(file, times == 0 && !lying ? good : damaged)) << "input " << i;
  }
  EXPECT_EQ(good.refused, 0);
  EXPECT_GT(good.read, static_cast<int64_t>(count / 8));
  EXPECT_GT(damaged.refused, static_cast<int64_t>(count / 2));
  EXPECT_GT(damaged.read, static_cast<int64_t>(count / 100));  // harmless damage exists too: a flipped letter of a name
}

TEST(SafetensorsFuzz, TwentyThousandInputs) { fuzz(20'000); }

TEST(SafetensorsFuzzCampaign, MillionInputs) { fuzz(1'000'000); }

TEST(SafetensorsFuzz, LongHeadersTakeAFewTimesTheirSize) {
  // Headers full of what costs most.
  constexpr size_t kSize = 10'000'000;
  const auto repeated = [](const std::string& begin, auto piece, const std::string& end) {
    std::string header = begin;
    for (uint64_t i = 0; header.size() < kSize; ++i) header += piece(i);
    return Input{header + end, 0, {}}.file();
  };
  const auto tensor = [](uint64_t i) { return text("\"", i, R"(":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},)"); };
  Outcome outcome;
  read_one(repeated("{", tensor, R"("last":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}})"), outcome);
  EXPECT_EQ(outcome.read, 1);
  read_one(repeated(R"({"__metadata__":{)", [](uint64_t i) { return text('"', i, "\":\"\","); }, R"("a":""}})"),
           outcome);
  read_one(repeated(R"({"a":{"dtype":"U8","shape":[)", [](uint64_t) { return "1,"; }, "1]}}"), outcome);
  read_one(repeated(R"({"a":)", [](uint64_t) { return "["; }, "}"), outcome);
  read_one(repeated(R"({"a":)", [](uint64_t) { return "{\"a\":"; }, "}"), outcome);
  EXPECT_EQ(outcome.refused, 4);
}

}  // namespace
}  // namespace atelier
