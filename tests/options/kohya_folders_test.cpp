// sd-scripts' folders of folders.
#include "data/options/kohya_folders.h"

#include <gtest/gtest.h>

#include "configs/base/error.h"
#include "tests/support/temporary_folder.h"

namespace atelier {
namespace {

TEST(KohyaFolders, BecomeSourcesWithRepeatsAndClassTokens) {
  const TemporaryFolder folder;
  for (const char* name : {"10_1girl lina", "3_a_b", "x_y", "5", "2x_z", ".7_hidden"}) {
    std::filesystem::create_directory(folder.path() / name);
  }
  SourceOptions whole;
  whole.path = "elsewhere";
  SourceOptions split;
  split.path = folder.path().string();
  split.kohya_folders = true;
  split.repeats = 0.5;
  split.is_reg = true;
  std::vector<SourceOptions> sources = {whole, split};
  expand_kohya_folders(sources);
  ASSERT_EQ(sources.size(), 3u);
  EXPECT_EQ(sources[0].path, "elsewhere");
  EXPECT_EQ(sources[1].path, (folder.path() / "10_1girl lina").string());
  EXPECT_EQ(sources[1].repeats, 5);
  EXPECT_EQ(sources[1].class_tokens, "1girl lina");
  EXPECT_TRUE(sources[1].is_reg);
  EXPECT_FALSE(sources[1].kohya_folders);
  EXPECT_EQ(sources[2].class_tokens, "a_b");
  EXPECT_EQ(sources[2].repeats, 1.5);

  const std::vector<SourceOptions> again = sources;
  expand_kohya_folders(sources);  // the resolved configuration of a run can be run again
  EXPECT_EQ(sources.size(), again.size());
}

TEST(KohyaFolders, NoneIsTheUsersError) {
  const TemporaryFolder folder;
  SourceOptions source;
  source.path = folder.path().string();
  source.kohya_folders = true;
  std::vector<SourceOptions> sources = {source};
  EXPECT_THROW(expand_kohya_folders(sources), ConfigError);
  sources[0].path += "/nowhere";
  EXPECT_THROW(expand_kohya_folders(sources), ConfigError);
}

}  // namespace
}  // namespace atelier
