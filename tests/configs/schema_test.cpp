#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>

#include "configs/base/error.h"
#include "configs/schema/reader.h"
#include "configs/schema/writer.h"
#include "tests/support/temporary_folder.h"

namespace atelier {
namespace {

namespace fs = std::filesystem;

struct NetOptions {
  int64_t dim = 16;
};
void describe(Section& section, NetOptions& options) {
  section.field("network_dim", options.dim).range(1, 1024).also("rank").doc("Rank.");
}

struct ItemOptions {
  std::string path;
  double repeats = 1;
};
void describe(Section& section, ItemOptions& options) {
  section.field("path", options.path).path().doc("Folder.");
  section.field("repeats", options.repeats).at_least(0).doc("Times.");
}

struct TestOptions {
  std::string name = "x";
  bool flag = false;
  int64_t steps = 10;
  double rate = 1e-4;
  std::optional<int64_t> limit;
  std::string mode = "a";
  std::vector<std::string> tags;
  std::map<std::string, double> target;
  std::optional<NetOptions> network;
  std::vector<ItemOptions> sources;
};
void describe(Section& section, TestOptions& options) {
  section.field("name", options.name).doc("Name.");
  section.field("flag", options.flag).doc("Flag.");
  section.field("steps", options.steps).range(1, 1e6).unit("steps").doc("Steps.");
  section.field("rate", options.rate).at_least(0).doc("Rate.");
  section.field("limit", options.limit).doc("Limit.");
  section.field("mode", options.mode).choices({"a", "b", "cosine"}).doc("Mode.");
  section.field("tags", options.tags).doc("Tags.");
  section.field("target", options.target).range(0, 1).doc("Shares.");
  section.section("network", options.network).doc("Network.");
  section.sections("sources", options.sources).doc("Sources.");
}

class Schema : public testing::Test {
 protected:
  fs::path write(const std::string& yaml, const std::string& name = "run.yaml") const {
    std::ofstream(folder_.path() / name) << yaml;
    return folder_.path() / name;
  }
  TestOptions read(const std::string& yaml, const std::vector<std::string>& overrides = {}) const {
    return read_options<TestOptions>(write(yaml), overrides);
  }
  std::string fault(const std::string& yaml, const std::vector<std::string>& overrides = {}) const {
    try {
      read(yaml, overrides);
    } catch (const ConfigError& error) {
      return format_error(error);
    }
    return "accepted";
  }
  TemporaryFolder folder_;
};

TEST_F(Schema, ReadsEveryKind) {
  const TestOptions options = read(R"(
name: "007"
flag: true
steps: 1e3
rate: 2.5e-5
limit: null
mode: cosine
tags: [1girl, "a b"]
target: {girl_only: 0.4, boy_only: 0.3}
network: {rank: 4}
sources:
  - path: pictures
    repeats: 2.5
  - path: /abs
)");
  EXPECT_EQ(options.name, "007");
  EXPECT_TRUE(options.flag);
  EXPECT_EQ(options.steps, 1000);
  EXPECT_EQ(options.rate, 2.5e-5);
  EXPECT_FALSE(options.limit.has_value());
  EXPECT_EQ(options.tags, (std::vector<std::string>{"1girl", "a b"}));
  EXPECT_EQ(options.target.at("boy_only"), 0.3);
  ASSERT_TRUE(options.network.has_value());
  EXPECT_EQ(options.network->dim, 4);
  ASSERT_EQ(options.sources.size(), 2u);
  EXPECT_EQ(options.sources[0].path, (folder_.path() / "pictures").string());
  EXPECT_EQ(options.sources[0].repeats, 2.5);
  EXPECT_EQ(options.sources[1].path, "/abs");
}

TEST_F(Schema, UnknownKeyNamesTheNearest) {
  const std::string block = fault("name: a\nstesp: 3\n");
  EXPECT_NE(block.find("run.yaml:2: stesp"), std::string::npos) << block;
  EXPECT_NE(block.find("did you mean 'steps'?"), std::string::npos) << block;
}

TEST_F(Schema, AllFaultsComeAtOnce) {
  const std::string block =
      fault("steps: 0\nmode: cosinus\nflag: maybe\nrate: fast\nsources: [{path: a, repeat: 1}]\nnetwork: 7\n");
  for (const char* part :
       {"6 mistakes", "0 is outside 1 to 1000000 steps", "did you mean 'cosine'?", "expected true or false",
        "expected a number, found 'fast'", "sources[0].repeat: unknown key", "run.yaml:6: network"}) {
    EXPECT_NE(block.find(part), std::string::npos) << part << "\n" << block;
  }
}

TEST_F(Schema, WrongTypes) {
  EXPECT_NE(fault("steps: 1.5\n").find("a whole number"), std::string::npos);
  EXPECT_NE(fault("steps: \"3\"\n").find("a whole number"), std::string::npos);
  EXPECT_NE(fault("steps: null\n").find("null is not allowed"), std::string::npos);
  EXPECT_NE(fault("tags: {a: 1}\n").find("a list"), std::string::npos);
  EXPECT_NE(fault("rate: .nan\n").find("a number"), std::string::npos);
  EXPECT_NE(fault("name: a\nname: b\n").find("stands twice"), std::string::npos);
  EXPECT_NE(fault("name: [\n").find("not valid YAML"), std::string::npos);
  EXPECT_NE(fault("- a\n").find("key: value"), std::string::npos);
  EXPECT_THROW(read_options<TestOptions>(folder_.path() / "absent.yaml"), ConfigError);
}

TEST_F(Schema, LayersAndOverrides) {
  write("steps: 5\nrate: 1e-3\nnetwork: {network_dim: 8}\n", "base.yaml");
  const TestOptions options = read("extends: base.yaml\nrate: 2e-3\n", {"network.network_dim=32", "tags=[a, b]"});
  EXPECT_EQ(options.steps, 5);
  EXPECT_EQ(options.rate, 2e-3);
  EXPECT_EQ(options.network->dim, 32);
  EXPECT_EQ(options.tags.size(), 2u);
  EXPECT_NE(fault("name: a\n", {"stps=3"}).find("command line: stps=3"), std::string::npos);
  EXPECT_NE(fault("name: a\n", {"steps"}).find("not an override"), std::string::npos);
  write("extends: run.yaml\n", "loop.yaml");
  EXPECT_NE(fault("extends: loop.yaml\n").find("circle"), std::string::npos);
}

TEST_F(Schema, OddYamlIsTheUsersErrorAndNothingOfItIsLost) {
  const std::pair<const char*, const char*> kCases[] = {
      {"? [a, b]\n: 1\n", "a key must be a word"},
      {"name: &a [*a]\n", "nested too deep"},
      {"steps: 1\n---\nsteps: 2\n", "more than one YAML document"},
      {"name: caf\xe9\n", "not UTF-8"},
      {"extends: {a: 1}\n", "'extends' names a YAML file"},
      {"extends: [[x]]\n", "'extends' names a YAML file"},
      {"extends: nowhere.yaml\n", "run.yaml:1"},
      {"network: {network_dim: 3, rank: 4}\n", "another name of a key"},
      {"steps: nan\n", "expected a whole number"},
  };
  for (const auto& [yaml, words] : kCases) {
    const std::string block = fault(yaml);
    EXPECT_NE(block.find(words), std::string::npos) << yaml << block;
  }
}

TEST_F(Schema, AnEmptyDocumentIsNoSecondOne) { EXPECT_EQ(read("---\nsteps: 3\n---\n").steps, 3); }

TEST_F(Schema, AnotherNameOfAKeyOverridesALayerBelow) {
  write("network: {network_dim: 3}\n", "base.yaml");
  EXPECT_EQ(read("extends: base.yaml\nnetwork: {rank: 4}\n").network->dim, 4);
}

TEST_F(Schema, ACommentForAValueIsSaid) {
  const std::string run = write("steps: 3\n");
  EXPECT_THROW(load_layers(run, {"name=#ffffff"}), ConfigError);
  EXPECT_EQ(load_layers(run, {"name=\"#ffffff\""}).find("name")->scalar, "#ffffff");
}

TEST_F(Schema, ExpandsTheEnvironment) {
  ::setenv("ATELIER_TEST_NAME", "lina", 1);
  EXPECT_EQ(read("name: run-${ATELIER_TEST_NAME}-$${x}\n").name, "run-lina-${x}");
  const std::string block = fault("name: ${ATELIER_TEST_UNSET}\n");
  EXPECT_NE(block.find("ATELIER_TEST_UNSET is not set"), std::string::npos) << block;
}

TEST_F(Schema, WrittenYamlReadsBackEqual) {
  const std::string yaml =
      "name: \"yes\"\nsteps: 77\nrate: 3.0000000000000004e-05\nlimit: 5\ntags: [\"1.0\", \"a: b\", \"# c\", "
      "\"$${q}\"]\n"
      "target: {x: 0.25}\nnetwork: {network_dim: 3}\nsources: [{path: /a b, repeats: 0.1}, {path: /c}]\n";
  TestOptions first = read(yaml);
  Section section;
  describe(section, first);
  const std::string written = write_yaml(section);
  TestOptions second = read(written);
  Section again;
  describe(again, second);
  EXPECT_EQ(write_yaml(again), written);
  EXPECT_EQ(second.name, "yes");
  EXPECT_EQ(second.rate, first.rate);
  EXPECT_EQ(second.tags, first.tags);
  EXPECT_EQ(second.sources[0].path, "/a b");
}

TEST_F(Schema, ShowsWhereValuesComeFrom) {
  const Node root = load_layers(write("steps: 3\n"), {"rate=0.5"});
  TestOptions options;
  Section section;
  describe(section, options);
  read_section(section, root);
  const std::string shown = write_yaml(section, &root);
  EXPECT_NE(shown.find("run.yaml:1"), std::string::npos) << shown;
  EXPECT_NE(shown.find("# command line: rate=0.5"), std::string::npos) << shown;
  EXPECT_NE(shown.find("# default"), std::string::npos) << shown;
}

TEST_F(Schema, JsonSchemaForbidsUnknownKeysAndKeepsRanges) {
  TestOptions options;
  Section section;
  describe(section, options);
  const auto schema = nlohmann::json::parse(write_json_schema(section, "test"));
  EXPECT_EQ(schema["additionalProperties"], false);
  EXPECT_EQ(schema["properties"]["steps"]["minimum"], 1.0);
  EXPECT_EQ(schema["properties"]["mode"]["enum"].size(), 3u);
  EXPECT_TRUE(schema["properties"]["network"]["properties"].contains("network_dim"));
  EXPECT_TRUE(schema["properties"]["sources"]["items"]["properties"].contains("repeats"));
  EXPECT_FALSE(options.network.has_value());
  EXPECT_TRUE(options.sources.empty());
  EXPECT_NE(write_reference(section, "Reference").find("| `steps` | integer | `10` | 1 to 1000000 | steps |"),
            std::string::npos);
}

}  // namespace
}  // namespace atelier
