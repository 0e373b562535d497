#include "configs/base/foreign_file.h"

#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "configs/base/error.h"
#include "configs/base/safetensors.h"
#include "tests/support/temporary_folder.h"

namespace atelier {
namespace {

using namespace std::string_literals;

std::string told(const std::string& content) {
  const auto found = foreign_file(std::as_bytes(std::span(content)));
  return found ? found->what : "";
}

TEST(ForeignFile, KnownFormatsAreCalledByTheirName) {
  EXPECT_NE(told("").find("empty"), std::string::npos);
  EXPECT_NE(told("GGUF\3\0\0\0"s).find("GGUF"), std::string::npos);
  // torch.save's zip, and its old form: a pickle of protocol 2 that begins with a magic number.
  EXPECT_NE(told("PK\3\4\0\0\10\10\0\0archive/data.pklFB"s).find("pickle"), std::string::npos);
  EXPECT_NE(told("\x80\2\x8a\nl\xfc\x9c\x46\xf9 j\xa8P\x19.\x80\2M\xe9\3."s).find("pickle"), std::string::npos);
  EXPECT_NE(told("PK\3\4\0\0\10\10\0\0unet/config.json"s).find("zip"), std::string::npos);
  EXPECT_NE(told("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 6938078334\n").find("Git LFS"),
            std::string::npos);
  EXPECT_NE(told("\r\n<!DOCTYPE html><html>").find("web page"), std::string::npos);
  EXPECT_NE(told("{\"error\": \"gated\"}").find("server"), std::string::npos);
  EXPECT_NE(told("{\"metadata\": {\"total_size\": 1}, \"weight_map\": {}}").find("index"), std::string::npos);
  EXPECT_NE(told("{\n  \"_class_name\": \"UNet2DConditionModel\"}").find("configuration"), std::string::npos);
  EXPECT_NE(told(std::string(64, '\0')).find("zeros"), std::string::npos);
  EXPECT_NE(told("\x1f\x8b\x8"s).find("gzip"), std::string::npos);
  EXPECT_NE(told("\x89PNG\r\n\x1a\n"s).find("picture"), std::string::npos);
  EXPECT_EQ(told("none of these"), "");
}

TEST(ForeignFile, ThePicklesErrorSaysWhyAndWhatToDo) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "model.ckpt";
  std::ofstream(path, std::ios::binary) << "PK\3\4\0\0\10\10\0\0archive/data.pklFB"s;
  try {
    SafetensorsFile opened(path);
    FAIL() << "a pickle was opened";
  } catch (const WeightsError& error) {
    EXPECT_NE(error.summary().find("can run any program"), std::string::npos) << error.summary();
    EXPECT_NE(error.hint().find("save_file"), std::string::npos) << error.hint();
    EXPECT_EQ(error.where(), path.string());
  }
}

TEST(ForeignFile, ASafetensorsFileWhoseLengthLooksLikeAPickleIsRead) {
  // The length's low bytes, 80 02, are those of a pickle: a header of 640 bytes.
  std::string header = R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})";
  header.resize(640, ' ');
  const TemporaryFolder folder;
  std::ofstream(folder.path() / "m.safetensors", std::ios::binary) << "\x80\2\0\0\0\0\0\0"s << header << "x";
  EXPECT_EQ(SafetensorsFile(folder.path() / "m.safetensors").tensors().size(), 1u);
}

}  // namespace
}  // namespace atelier
