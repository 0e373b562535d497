#include "trainer/optim/optimizer.h"

#include <array>
#include <string_view>

#include "configs/base/error.h"

namespace atelier {
namespace {

struct OptimizerRow {
  std::string_view name;
  std::unique_ptr<Optimizer> (*make)(const TrainOptions&, FlatStore&);
};

constexpr std::array kOptimizers = {
    OptimizerRow{"AdamW", make_adamw},
};

}  // namespace

std::unique_ptr<Optimizer> make_optimizer(const TrainOptions& options, FlatStore& store) {
  for (const OptimizerRow& row : kOptimizers) {
    if (row.name == options.optimizer_type) return row.make(options, store);
  }
  throw ConfigError("unknown optimizer '" + options.optimizer_type + "'", "train.optimizer_type");
}

}  // namespace atelier
