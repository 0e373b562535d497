#include "trainer/distributed/gradient_reducer.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/function_hook.h>
#include <torch/csrc/autograd/variable.h>

namespace atelier {

struct GradientReducer::Hook : torch::autograd::PostAccumulateGradHook {
  Hook(GradientReducer& owner, int64_t range) : reducer(owner), range_index(range) {}
  void operator()(const torch::autograd::Variable&) override { reducer.on_parameter(range_index); }

  GradientReducer& reducer;
  int64_t range_index;
};

GradientReducer::GradientReducer(FlatStore& store, Communicator& communicator)
    : store_(store), communicator_(communicator), remaining_(store.ranges().size()) {
  for (size_t range = 0; range < store.ranges().size(); ++range) {
    for (int64_t i = store.ranges()[range].first_entry; i < store.ranges()[range].last_entry; ++i) {
      torch::autograd::impl::set_post_acc_grad_hooks(*store.entries()[static_cast<size_t>(i)].tensor,
                                                     std::make_unique<Hook>(*this, static_cast<int64_t>(range)));
    }
  }
}

GradientReducer::~GradientReducer() {
  for (const FlatStore::Entry& entry : store_.entries()) {
    torch::autograd::impl::set_post_acc_grad_hooks(*entry.tensor, nullptr);
  }
}

void GradientReducer::arm() {
  armed_ = true;
  next_ = 0;
  pending_.clear();
  for (size_t i = 0; i < remaining_.size(); ++i) {
    remaining_[i] = store_.ranges()[i].last_entry - store_.ranges()[i].first_entry;
  }
}

void GradientReducer::on_parameter(int64_t range) {
  if (!armed_) return;
  --remaining_[static_cast<size_t>(range)];
  launch_ready();
}

void GradientReducer::launch_ready() {
  while (next_ < static_cast<int64_t>(remaining_.size()) && remaining_[static_cast<size_t>(next_)] <= 0) {
    const FlatStore::Range& range = store_.ranges()[static_cast<size_t>(next_)];
    pending_.push_back(
        communicator_.start_all_reduce(store_.gradient().narrow(0, range.begin, range.end - range.begin)));
    ++next_;
  }
}

void GradientReducer::finish() {
  armed_ = false;
  for (int64_t& count : remaining_) count = 0;
  launch_ready();
  for (Communicator::Pending& pending : pending_) pending.wait();
  pending_.clear();
}

}  // namespace atelier
