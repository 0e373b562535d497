#include <ATen/ATen.h>

#include "trainer/optim/optimizer.h"

namespace atelier {
namespace {

class AdamW : public Optimizer {
 public:
  AdamW(const TrainOptions& options, FlatStore& store)
      : options_(options),
        store_(store),
        exp_avg_(at::zeros_like(store.master())),
        exp_avg_sq_(at::zeros_like(store.master())) {}

  void step(const std::vector<double>& learning_rates, int64_t step) override {
    const at::NoGradGuard no_grad;
    const at::Tensor count = at::full({}, static_cast<double>(step), store_.master().options());
    for (size_t group = 0; group < learning_rates.size(); ++group) {
      std::vector<at::Tensor> weights, gradients, averages, squares, counts;
      for (const FlatStore::Range& range : store_.ranges()) {
        if (range.group != static_cast<int64_t>(group)) continue;
        const auto part = [&range](const at::Tensor& flat) {
          return flat.narrow(0, range.begin, range.end - range.begin);
        };
        weights.push_back(part(store_.master()));
        gradients.push_back(part(store_.gradient()));
        averages.push_back(part(exp_avg_));
        squares.push_back(part(exp_avg_sq_));
        counts.push_back(count);
      }
      at::_fused_adamw_(weights, gradients, averages, squares, {}, counts, learning_rates[group], options_.adam_beta1,
                        options_.adam_beta2, options_.weight_decay, options_.adam_epsilon, /*amsgrad=*/false,
                        /*maximize=*/false);
    }
  }

  std::vector<OptimizerState> state() override { return {{"exp_avg", exp_avg_}, {"exp_avg_sq", exp_avg_sq_}}; }

 private:
  TrainOptions options_;
  FlatStore& store_;
  at::Tensor exp_avg_, exp_avg_sq_;
};

}  // namespace

std::unique_ptr<Optimizer> make_adamw(const TrainOptions& options, FlatStore& store) {
  return std::make_unique<AdamW>(options, store);
}

}  // namespace atelier
