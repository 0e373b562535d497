#include "trainer/checkpoint/checkpoint.h"

#include <ATen/ATen.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "configs/base/atomic_file.h"
#include "configs/base/error.h"
#include "configs/base/log.h"
#include "models/weights/weights.h"

namespace atelier {
namespace fs = std::filesystem;
namespace {

constexpr int kVersion = 1;
constexpr const char* kOptimizerFile = "optimizer.safetensors";
constexpr const char* kStateFile = "state.json";
constexpr const char* kAsideMark = ".abandoned";

/// A store-shaped copy on the CPU, and the entries to cut it by.
struct Snapshot {
  std::vector<FlatStore::Entry> entries;
  std::vector<std::string> group_names;
  at::Tensor master;
  std::vector<OptimizerState> optimizer;
};

at::Tensor host_copy(const at::Tensor& tensor) { return tensor.to(at::kCPU, /*non_blocking=*/false, /*copy=*/true); }

Snapshot take_snapshot(const FlatStore& store, Optimizer& optimizer) {
  Snapshot snapshot{store.entries(), {}, host_copy(store.master()), {}};
  for (const ParameterGroup& group : store.groups()) snapshot.group_names.push_back(group.name);
  for (const OptimizerState& state : optimizer.state()) {
    snapshot.optimizer.push_back({state.name, host_copy(state.values)});
  }
  return snapshot;
}

fs::path checkpoint_path(const fs::path& folder, int64_t step) {
  char name[32];
  std::snprintf(name, sizeof name, "step-%08lld", static_cast<long long>(step));
  return folder / name;
}

/// Complete checkpoints, oldest first.
std::vector<fs::path> list_checkpoints(const fs::path& folder) {
  std::vector<fs::path> found;
  std::error_code ignored;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, ignored)) {
    const std::string name = entry.path().filename().string();
    const bool complete = name.size() == 13 && name.starts_with("step-") &&
                          name.find_first_not_of("0123456789", 5) == std::string::npos &&
                          fs::exists(entry.path() / kStateFile);
    if (complete) found.push_back(entry.path());
  }
  std::sort(found.begin(), found.end());
  return found;
}

void check_space(const fs::path& folder, double bytes) {
  const auto space = fs::space(folder);
  if (static_cast<double>(space.available) > bytes * 1.05) return;
  throw MachineError(text("a checkpoint needs ", human_bytes(bytes), ", the disk has ",
                          human_bytes(static_cast<double>(space.available))),
                     folder.string(), "free some space, or lower save.keep_last; then resume with --resume auto");
}

std::string parameter_name(const FlatStore::Entry& entry, const std::string& group) {
  return entry.name.substr(group.size() + 1);
}

void write_component(const fs::path& folder, const Snapshot& snapshot, const ComponentFile& component) {
  const auto group = std::find(snapshot.group_names.begin(), snapshot.group_names.end(), component.group);
  if (group == snapshot.group_names.end()) return;  // not trained: it is the base model's
  std::vector<std::pair<std::string, at::Tensor>> tensors;
  for (const FlatStore::Entry& entry : snapshot.entries) {
    if (entry.group != group - snapshot.group_names.begin()) continue;
    tensors.emplace_back(parameter_name(entry, component.group), FlatStore::view(snapshot.master, entry));
  }
  std::reverse(tensors.begin(), tensors.end());  // files keep the forward order
  tensors.insert(tensors.end(), component.constants.begin(), component.constants.end());
  const fs::path file = folder / component.file;
  fs::create_directories(file.parent_path());
  write_tensors(file, tensors, {{"format", "pt"}});
  if (component.write_config) component.write_config(file.parent_path());
}

void write_optimizer(const fs::path& folder, const Snapshot& snapshot) {
  std::vector<std::pair<std::string, at::Tensor>> tensors;
  for (const OptimizerState& state : snapshot.optimizer) {
    for (const FlatStore::Entry& entry : snapshot.entries) {
      tensors.emplace_back(state.name + "." + entry.name, FlatStore::view(state.values, entry));
    }
  }
  write_tensors(folder / kOptimizerFile, tensors);
}

void write_state(const fs::path& folder, const CheckpointState& state) {
  const nlohmann::ordered_json json = {
      {"version", kVersion}, {"step", state.step}, {"epoch", state.epoch}, {"run", state.fingerprint}};
  write_file_atomically(folder / kStateFile, json.dump(2) + "\n");
}

void remove_old(const fs::path& folder, int64_t keep_last) {
  const std::vector<fs::path> all = list_checkpoints(folder);
  for (size_t i = 0; i + static_cast<size_t>(keep_last) < all.size(); ++i) {
    // Under a temporary name first: a half-removed folder is no checkpoint, and the next run clears it away.
    const fs::path doomed = folder / text(all[i].filename().string(), ".old.tmp-", getpid());
    fs::rename(all[i], doomed);
    fs::remove_all(doomed);
  }
}

/// Copies named tensors of a file into views of flat memory.
class FlatReader {
 public:
  explicit FlatReader(const fs::path& file) : file_(open(file)) {}

  void read(const std::string& name, const at::Tensor& into) const {
    const SafeTensorInfo* info = file_.find(name);
    if (!info || info->shape != into.sizes().vec() || info->dtype != SafeDtype::kF32) {
      throw CheckpointError(info ? "a tensor has another shape or type" : "a tensor is missing",
                            file_.path().string() + ": " + name,
                            "resume from another checkpoint, or with the same model");
    }
    into.copy_(read_tensor(file_, *info));
    file_.drop_pages(*info);
  }

 private:
  static SafetensorsFile open(const fs::path& file) {
    if (!fs::exists(file)) throw CheckpointError("a file of the checkpoint is missing", file.string());
    return SafetensorsFile(file);
  }

  SafetensorsFile file_;
};

}  // namespace

CheckpointWriter::CheckpointWriter(fs::path folder, int64_t keep_last)
    : folder_(std::move(folder)), keep_last_(keep_last) {
  fs::create_directories(folder_);
  remove_stale_temporaries(folder_);
}

CheckpointWriter::~CheckpointWriter() {
  try {
    wait();
  } catch (const std::exception& error) {  // the run ends with another error already
    log_line(LogLevel::kError, text("the last checkpoint was not written: ", error.what()));
  }
}

void CheckpointWriter::write(const CheckpointState& state, const FlatStore& store, Optimizer& optimizer,
                             const std::vector<ComponentFile>& components) {
  wait();
  const fs::path path = checkpoint_path(folder_, state.step);
  Snapshot snapshot = take_snapshot(store, optimizer);
  const double copies = 1.0 + static_cast<double>(snapshot.optimizer.size());
  check_space(folder_, copies * static_cast<double>(store.size()) * sizeof(float));
  writing_ = std::async(std::launch::async, [this, path, state, components, snapshot = std::move(snapshot)] {
    AtomicFolder folder(path, /*replace=*/true);  // what an interrupted removal left has no state.json
    for (const ComponentFile& component : components) write_component(folder.temporary_path(), snapshot, component);
    write_optimizer(folder.temporary_path(), snapshot);
    write_state(folder.temporary_path(), state);
    folder.commit();
    remove_old(folder_, keep_last_);
  });
}

void CheckpointWriter::wait() {
  if (writing_.valid()) writing_.get();
}

std::optional<fs::path> latest_checkpoint(const fs::path& output_dir) {
  const std::vector<fs::path> all = list_checkpoints(output_dir / "checkpoints");
  if (all.empty()) return std::nullopt;
  return all.back();
}

void set_aside_later_checkpoints(const fs::path& output_dir, int64_t step) {
  for (const fs::path& later : list_checkpoints(output_dir / "checkpoints")) {
    if (later.filename() <= checkpoint_path("", step)) continue;
    const fs::path aside = later.string() + kAsideMark;
    fs::remove_all(aside);
    fs::rename(later, aside);
    log_warning("the run goes on from step ", step, ": the later checkpoint is set aside as ", aside.string());
  }
}

CheckpointState read_checkpoint_state(const fs::path& folder) {
  const fs::path file = folder / kStateFile;
  if (!fs::exists(file)) throw CheckpointError("not a complete checkpoint", folder.string(), "state.json is missing");
  const auto json = nlohmann::json::parse(read_file(file), nullptr, /*allow_exceptions=*/false);
  try {
    if (json.at("version").get<int>() != kVersion) {
      throw CheckpointError("a checkpoint of another version", file.string(), "resume with the program that wrote it");
    }
    return {json.at("step").get<int64_t>(), json.at("epoch").get<int64_t>(), json.at("run").get<RunFingerprint>()};
  } catch (const nlohmann::json::exception& error) {
    throw CheckpointError("damaged state.json", file.string(), "resume from another checkpoint");
  }
}

void load_checkpoint(const fs::path& folder, FlatStore& store, Optimizer& optimizer,
                     const std::vector<ComponentFile>& components) {
  const at::NoGradGuard no_grad;
  for (const ComponentFile& component : components) {
    for (size_t g = 0; g < store.groups().size(); ++g) {
      if (store.groups()[g].name != component.group) continue;
      const FlatReader reader(folder / component.file);
      for (const FlatStore::Entry& entry : store.entries()) {
        if (entry.group == static_cast<int64_t>(g)) {
          reader.read(parameter_name(entry, component.group), FlatStore::view(store.master(), entry));
        }
      }
    }
  }
  const FlatReader reader(folder / kOptimizerFile);
  for (const OptimizerState& state : optimizer.state()) {
    for (const FlatStore::Entry& entry : store.entries()) {
      reader.read(state.name + "." + entry.name, FlatStore::view(state.values, entry));
    }
  }
  store.refresh_compute();
}

void check_fingerprint(const fs::path& folder, const RunFingerprint& saved, const RunFingerprint& present) {
  RunFingerprint all = present;  // of options that only one of the two runs has the other has none
  all.insert(saved.begin(), saved.end());
  const auto value_of = [](const RunFingerprint& fingerprint, const std::string& name) {
    const auto found = fingerprint.find(name);
    return found == fingerprint.end() ? "(absent)" : found->second;
  };
  std::string differences;
  for (const auto& [name, either] : all) {
    const std::string then = value_of(saved, name), now = value_of(present, name);
    if (then != now) differences += text("\n", name, ": ", then, " then, ", now, " now");
  }
  if (differences.empty()) return;
  throw CheckpointError("the checkpoint belongs to another run:" + differences, folder.string(),
                        "use the configuration it was made with, or another output_dir");
}

}  // namespace atelier
