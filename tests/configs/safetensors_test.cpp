#include "configs/base/safetensors.h"

#include <gtest/gtest.h>

#include <cstring>
#include <fstream>

#include "configs/base/atomic_file.h"
#include "configs/base/error.h"
#include "configs/base/random.h"
#include "tests/support/temporary_folder.h"

namespace atelier {
namespace {

namespace fs = std::filesystem;

std::string container(const std::string& header, const std::string& data) {
  const uint64_t length = header.size();
  return std::string(reinterpret_cast<const char*>(&length), 8) + header + data;
}

class Safetensors : public testing::Test {
 protected:
  fs::path file(const std::string& bytes) const {
    std::ofstream(folder_.path() / "x.safetensors", std::ios::binary) << bytes;
    return folder_.path() / "x.safetensors";
  }
  void expect_refused(const std::string& bytes, const std::string& because) const {
    try {
      SafetensorsFile opened(file(bytes));
      FAIL() << "accepted: " << because;
    } catch (const WeightsError& error) {
      EXPECT_NE(std::string(error.what()).find(because), std::string::npos) << error.what();
      EXPECT_NE(error.where().find("x.safetensors"), std::string::npos);
    }
  }
  TemporaryFolder folder_;
};

TEST_F(Safetensors, ReadsAHandMadeFile) {
  const SafetensorsFile opened(
      file(container(R"({"__metadata__":{"k":"v"},"b":{"dtype":"U8","shape":[3],"data_offsets":[8,11]},)"
                     R"("a":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]}})",
                     std::string("\0\0\x80\x3f\0\0\0\x40xyz", 11))));
  ASSERT_EQ(opened.tensors().size(), 2u);
  EXPECT_EQ(opened.tensors()[0].name, "a");
  EXPECT_EQ(opened.tensors()[0].shape, (std::vector<int64_t>{2, 1}));
  float values[2];
  std::memcpy(values, opened.bytes(*opened.find("a")).data(), 8);
  EXPECT_EQ(values[0], 1.0f);
  EXPECT_EQ(values[1], 2.0f);
  EXPECT_EQ(opened.metadata().at("k"), "v");
  EXPECT_EQ(opened.find("c"), nullptr);
}

TEST_F(Safetensors, RefusesLies) {
  const auto one = [](const std::string& entry) { return R"({"a":)" + entry + "}"; };
  expect_refused("1234", "too short");
  expect_refused(std::string("\0\0\0\0\x18\0\0\0", 8), "this is no safetensors file");
  expect_refused(container(one(R"({"dtype":"F32","shape":[2],"data_offsets":[0,8]})"), "").substr(0, 20), "cut short");
  expect_refused(container("not json", ""), "not a JSON object");
  expect_refused(container("[]", ""), "not a JSON object");
  expect_refused(container("{]", ""), "not JSON (byte 9");
  expect_refused(container("{} {}", ""), "not JSON");
  expect_refused(container(one("7"), ""), "are needed");
  expect_refused(container(one(R"({"dtype":"F32","shape":[2],"data_offsets":[0,8]})"), "1234"), "lie outside");
  expect_refused(container(one(R"({"dtype":"F32","shape":[2],"data_offsets":[8,0]})"), "12345678"),
                 "before they begin");
  expect_refused(container(one(R"({"dtype":"F32","shape":[3],"data_offsets":[0,8]})"), "12345678"), "need 12 bytes");
  expect_refused(container(one(R"({"dtype":"F31","shape":[2],"data_offsets":[0,8]})"), "12345678"), "F31 are not");
  expect_refused(container(one(R"({"dtype":"F32","shape":[-2],"data_offsets":[0,8]})"), "12345678"), "natural number");
  expect_refused(
      container(one(R"({"dtype":"F32","shape":[4294967296,4294967296,4],"data_offsets":[0,8]})"), "12345678"),
      "overflows");
  expect_refused(container(one(R"({"dtype":"F32","shape":[1],"data_offsets":[0,4]})"), "12345678"), "belong to none");
  const std::string a = R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},)";
  expect_refused(container(a + R"("b":{"dtype":"F32","shape":[1],"data_offsets":[2,6]}})", "123456"), "overlap");
  expect_refused(container(a + R"("b":{"dtype":"F32","shape":[1],"data_offsets":[6,10]}})", "1234567890"), "gap");
  expect_refused(container(R"({"__metadata__":{"k":1}})", ""), "not a string");
  EXPECT_THROW(SafetensorsFile(folder_.path() / "absent"), WeightsError);
}

TEST_F(Safetensors, NoBytesCrashTheReader) {
  // Random damage to a good file: it opens, or it is refused with a WeightsError (more of it: safetensors_fuzz).
  const std::string good = container(
      R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"I64","shape":[],"data_offsets":[8,16]}})",
      std::string(16, 'x'));
  CounterRng rng(5, "damage", {});
  int refused = 0;
  for (int round = 0; round < 100; ++round) {
    std::string damaged = good;
    for (uint64_t i = 0; i <= rng.below(3); ++i) damaged[rng.below(damaged.size())] = static_cast<char>(rng.below(256));
    if (rng.below(4) == 0) damaged.resize(rng.below(damaged.size()));
    try {
      const SafetensorsFile opened(file(damaged));
      for (const SafeTensorInfo& info : opened.tensors()) ASSERT_LE(info.end, opened.data().size());
    } catch (const WeightsError&) {
      ++refused;
    }
  }
  EXPECT_GT(refused, 30);
}

TEST_F(Safetensors, WritesWhatItReads) {
  const fs::path path = folder_.path() / "out.safetensors";
  SafetensorsWriter writer(path, {{"w", SafeDtype::kF32, {2}, 0, 0}, {"s", SafeDtype::kI64, {}, 0, 0}},
                           {{"format", "pt"}});
  EXPECT_FALSE(fs::exists(path));
  const float w[2] = {3, 4};
  const int64_t s = 9;
  writer.write(std::as_bytes(std::span(w)));
  EXPECT_THROW(writer.finish(), std::logic_error);
  writer.write(std::as_bytes(std::span(&s, 1)));
  writer.finish();
  const SafetensorsFile opened(path);
  EXPECT_EQ(opened.tensors().size(), 2u);
  EXPECT_EQ(std::memcmp(opened.bytes(*opened.find("w")).data(), w, 8), 0);
  EXPECT_EQ(opened.metadata().at("format"), "pt");
  EXPECT_EQ(reinterpret_cast<uintptr_t>(opened.data().data()) % 8, 0u);
}

}  // namespace
}  // namespace atelier
