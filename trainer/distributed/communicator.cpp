#include "trainer/distributed/communicator.h"

#include <ATen/ATen.h>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>
#ifdef ATELIER_HAS_NCCL
#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>
#endif

#include <cstdlib>

#include "configs/base/error.h"
#include "configs/base/text.h"

namespace atelier {
namespace {

using Milliseconds = std::chrono::milliseconds;

[[noreturn]] void throw_lost(const RankInfo& ranks, const std::string& what) {
  throw MachineError(
      "the connection to the other processes was lost", text("rank ", ranks.rank, " of ", ranks.world_size),
      "see which rank ended first and why; resume with --resume auto\n(" + what.substr(0, what.find('\n')) + ")");
}

template <typename Body>
auto guard_collective(const RankInfo& ranks, Body body) {
  try {
    return body();
  } catch (const Error&) {
    throw;
  } catch (const std::exception& error) {
    throw_lost(ranks, error.what());
  }
}

c10::intrusive_ptr<c10d::Store> connect_store(const RankInfo& ranks, Milliseconds timeout) {
  c10d::TCPStoreOptions options;
  options.port = static_cast<uint16_t>(ranks.master_port);
  options.isServer = ranks.is_main() && !ranks.store_is_served;
  options.numWorkers = static_cast<size_t>(ranks.world_size);
  options.waitWorkers = !ranks.store_is_served;
  options.timeout = timeout;
  auto store = c10::make_intrusive<c10d::TCPStore>(ranks.master_addr, options);
  // A restarted run must not meet the keys of the one before.
  const char* restart = std::getenv("TORCHELASTIC_RESTART_COUNT");
  return c10::make_intrusive<c10d::PrefixStore>(text("atelier/", restart ? restart : "0"), store);
}

c10::intrusive_ptr<c10d::Backend> make_gloo(const c10::intrusive_ptr<c10d::Store>& store, const RankInfo& ranks,
                                            Milliseconds timeout) {
  auto options = c10d::ProcessGroupGloo::Options::create(timeout);
  const bool one_host = ranks.local_world_size == ranks.world_size;
  options->devices.push_back(one_host ? c10d::ProcessGroupGloo::createDeviceForHostname("127.0.0.1")
                                      : c10d::ProcessGroupGloo::createDefaultDevice());
  return c10::make_intrusive<c10d::ProcessGroupGloo>(c10::make_intrusive<c10d::PrefixStore>("gloo", store),
                                                     static_cast<int>(ranks.rank), static_cast<int>(ranks.world_size),
                                                     options);
}

c10::intrusive_ptr<c10d::Backend> make_nccl([[maybe_unused]] const c10::intrusive_ptr<c10d::Store>& store,
                                            [[maybe_unused]] const RankInfo& ranks,
                                            [[maybe_unused]] Milliseconds timeout) {
#ifdef ATELIER_HAS_NCCL
  auto options = c10d::ProcessGroupNCCL::Options::create(/*is_high_priority_stream=*/true);
  options->timeout = timeout;
  return c10::make_intrusive<c10d::ProcessGroupNCCL>(c10::make_intrusive<c10d::PrefixStore>("nccl", store),
                                                     static_cast<int>(ranks.rank), static_cast<int>(ranks.world_size),
                                                     options);
#else
  throw MachineError("several GPUs need NCCL, and this program was built without it", "",
                     "build where nccl.h is found");
#endif
}

}  // namespace

struct Communicator::Pending::State {
  RankInfo ranks;
  c10::intrusive_ptr<c10d::Work> work;
};

Communicator::Pending::Pending() = default;
Communicator::Pending::~Pending() = default;
Communicator::Pending::Pending(Pending&&) noexcept = default;
Communicator::Pending& Communicator::Pending::operator=(Pending&&) noexcept = default;

void Communicator::Pending::wait() {
  if (!state_) return;
  guard_collective(state_->ranks, [this] { return state_->work->wait(); });
  state_.reset();
}

struct Communicator::State {
  c10::intrusive_ptr<c10d::Store> store;
  c10::intrusive_ptr<c10d::Backend> gloo;    // CPU tensors, control
  c10::intrusive_ptr<c10d::Backend> device;  // tensors of the training device

  c10d::Backend& backend(const at::Tensor& tensor) { return tensor.is_cpu() ? *gloo : *device; }
};

Communicator::Communicator(const RankInfo& ranks, at::Device device, double timeout_seconds)
    : ranks_(ranks), state_(std::make_unique<State>()) {
  const Milliseconds timeout(static_cast<int64_t>(timeout_seconds * 1000));
  guard_collective(ranks_, [&] {
    state_->store = connect_store(ranks_, timeout);
    state_->gloo = make_gloo(state_->store, ranks_, timeout);
    state_->device = device.is_cpu() ? state_->gloo : make_nccl(state_->store, ranks_, timeout);
  });
}

Communicator::~Communicator() = default;

Communicator::Pending Communicator::start_all_reduce(at::Tensor tensor) {
  return guard_collective(ranks_, [&] {
    std::vector<at::Tensor> tensors{std::move(tensor)};
    c10d::Backend& backend = state_->backend(tensors[0]);
    Pending pending;
    pending.state_ = std::make_unique<Pending::State>(Pending::State{ranks_, backend.allreduce(tensors)});
    return pending;
  });
}

void Communicator::all_reduce(at::Tensor tensor) { start_all_reduce(std::move(tensor)).wait(); }

void Communicator::broadcast(at::Tensor tensor) {
  guard_collective(ranks_, [&] {
    std::vector<at::Tensor> tensors{std::move(tensor)};
    return state_->backend(tensors[0]).broadcast(tensors)->wait();
  });
}

void Communicator::barrier() {
  guard_collective(ranks_, [&] { return state_->gloo->barrier()->wait(); });
}

}  // namespace atelier
