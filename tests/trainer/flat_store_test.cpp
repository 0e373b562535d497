#include "trainer/flat_store.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "configs/base/error.h"

namespace atelier {
namespace {

/// Two groups of a few small parameters, with known values.
struct Fixture {
  std::vector<at::Tensor> tensors;
  std::vector<ParameterGroup> groups;

  Fixture() {
    for (int i = 0; i < 4; ++i) tensors.push_back(at::full({i + 1, 7}, i + 1.0));
    groups = {{"first", 0.1, {{"a", &tensors[0]}, {"b", &tensors[1]}}},
              {"second", 0.2, {{"a", &tensors[2]}, {"b", &tensors[3]}}}};
  }
};

TEST(FlatStore, ParametersBecomeAlignedViewsInReverseOrder) {
  Fixture fixture;
  const FlatStore store(fixture.groups, at::kCPU, at::kFloat, 1 << 20);
  const char* names[] = {"second.b", "second.a", "first.b", "first.a"};
  ASSERT_EQ(store.entries().size(), 4u);
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(store.entries()[i].name, names[i]);
    EXPECT_EQ(store.entries()[i].offset, static_cast<int64_t>(i) * FlatStore::kAlignment);
  }
  EXPECT_EQ(store.parameter_count(), 7 * (1 + 2 + 3 + 4));
  EXPECT_TRUE(at::equal(fixture.tensors[2], at::full({3, 7}, 3.0)));
  EXPECT_EQ(fixture.tensors[2].data_ptr<float>(), store.master().data_ptr<float>() + FlatStore::kAlignment);
  store.master().mul_(2);
  EXPECT_TRUE(at::equal(fixture.tensors[0], at::full({1, 7}, 2.0)));
}

TEST(FlatStore, RangesCoverAllAndKeepGroupsApart) {
  Fixture fixture;
  for (int64_t bytes : {1, 1024, 1 << 20}) {
    Fixture again;
    const FlatStore store(again.groups, at::kCPU, at::kFloat, bytes);
    int64_t end = 0, entry = 0;
    for (const FlatStore::Range& range : store.ranges()) {
      EXPECT_EQ(range.begin, end);
      EXPECT_EQ(range.first_entry, entry);
      for (int64_t i = range.first_entry; i < range.last_entry; ++i) {
        EXPECT_EQ(store.entries()[static_cast<size_t>(i)].group, range.group);
      }
      end = range.end;
      entry = range.last_entry;
    }
    EXPECT_EQ(end, store.size());
    EXPECT_EQ(entry, 4);
    EXPECT_EQ(store.ranges().size(), bytes <= 1024 ? 4u : 2u);
  }
}

TEST(FlatStore, GradientsAccumulateInPlace) {
  Fixture fixture;
  FlatStore store(fixture.groups, at::kCPU, at::kFloat, 1 << 20);
  for (int round = 1; round <= 3; ++round) {
    (fixture.tensors[1] * 5).sum().backward();
    EXPECT_TRUE(at::equal(FlatStore::view(store.gradient(), store.entries()[2]), at::full({2, 7}, 5.0 * round)));
  }
  EXPECT_EQ(fixture.tensors[1].grad().data_ptr<float>(),
            store.gradient().data_ptr<float>() + 2 * FlatStore::kAlignment);
  EXPECT_EQ(store.gradient().sum().item<float>(), 5.0f * 3 * 14);
  store.zero_gradient();
  EXPECT_EQ(fixture.tensors[1].grad().abs().sum().item<float>(), 0);
}

TEST(FlatStore, Bf16WeightsHaveAnFp32MasterAndFp32Gradients) {
  Fixture fixture;
  fixture.tensors[0].fill_(1.0 + 1.0 / 1024);  // no bf16 number
  FlatStore store(fixture.groups, at::kCPU, at::kBFloat16, 1 << 20);
  EXPECT_EQ(fixture.tensors[0].scalar_type(), at::kBFloat16);
  EXPECT_EQ(fixture.tensors[0].to(at::kFloat).max().item<float>(), 1.0f);
  EXPECT_EQ(FlatStore::view(store.master(), store.entries()[3]).max().item<float>(), 1.0f + 1.0f / 1024);
  fixture.tensors[0].sum().backward();
  EXPECT_EQ(fixture.tensors[0].grad().scalar_type(), at::kFloat);
  EXPECT_EQ(FlatStore::view(store.gradient(), store.entries()[3]).sum().item<float>(), 7);
  store.master().fill_(2);
  store.refresh_compute();
  EXPECT_EQ(fixture.tensors[0].to(at::kFloat).min().item<float>(), 2);
}

TEST(FlatStore, NothingTrainedIsAnError) { EXPECT_THROW(FlatStore({}, at::kCPU, at::kFloat, 1 << 20), ConfigError); }

}  // namespace
}  // namespace atelier
