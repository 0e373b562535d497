#include "models/weights/single_file.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <ctime>
#include <deque>
#include <functional>
#include <future>
#include <set>
#include <utility>

#include "configs/base/error.h"
#include "configs/base/hash.h"
#include "configs/base/text.h"
#include "configs/base/thread_pool.h"
#include "models/keys/key_map.h"
#include "models/weights/weights.h"

namespace atelier {
namespace {

namespace fs = std::filesystem;

// Where open_clip clamps it; nothing that draws pictures reads it.
const double kUsualLogitScale = std::log(100.0);

/// One part's tensors under sgm's names.
class PartWriter {
 public:
  PartWriter(KeyMap keys, std::string prefix, const std::vector<TensorSource>& sources)
      : keys_(std::move(keys)), prefix_(std::move(prefix)) {
    for (const TensorSource& source : sources) by_name_.emplace(source.name, &source);
  }

  void add_to(std::vector<TensorSource>& out) const {
    std::set<std::string> done;
    for (const auto& [name, source] : by_name_) {
      const std::optional<std::string> sgm = keys_.to_sgm(name);
      if (!sgm) throw WeightsError(text("the tensor ", name, " has no place in a single file"));
      if (done.insert(*sgm).second) out.push_back(make(*sgm));
    }
  }

 private:
  TensorSource make(const std::string& sgm) const {
    std::vector<TensorSource> sources;
    for (const std::string& name : keys_.all_to_diffusers(sgm)) {
      const auto found = by_name_.find(name);
      if (found == by_name_.end()) throw WeightsError(text("the tensor ", name, " is missing"));
      sources.push_back(*found->second);
    }
    if (sources.size() > 1) return stacked(std::move(sources), prefix_ + sgm);
    TensorSource source = std::move(sources.front());
    source.name = prefix_ + sgm;
    if (sgm == "text_projection") return transposed(std::move(source));
    const bool attention = sgm.find(".attn_1.") != std::string::npos && source.shape.size() == 2;
    if (!attention) return source;
    const std::vector<int64_t> pointwise = {source.shape[0], source.shape[1], 1, 1};
    return reshaped(std::move(source), pointwise);
  }

  KeyMap keys_;
  std::string prefix_;
  std::map<std::string, const TensorSource*> by_name_;
};

void require_parts(const StoredPipeline& pipeline) {
  std::vector<std::string> missing;
  if (!pipeline.unet) missing.emplace_back("a UNet");
  if (!pipeline.vae) missing.emplace_back("an AutoencoderKL (vae)");
  if (!pipeline.text_encoder && !pipeline.refiner) missing.emplace_back("the first text encoder (text_encoder)");
  if (!pipeline.text_encoder_2) missing.emplace_back("the second text encoder (text_encoder_2)");
  if (missing.empty()) return;
  throw WeightsError(text("a single file wants what this model lacks: ", join(missing, ", ")), pipeline.path.string());
}

TensorSource named(TensorSource source, std::string name) {
  source.name = std::move(name);
  return source;
}

TensorSource position_ids_of(const StoredPipeline& pipeline) {
  if (pipeline.position_ids) return *pipeline.position_ids;
  const at::Tensor positions = at::arange(pipeline.text_encoder->max_position_embeddings, at::kLong).unsqueeze(0);
  return tensor_at_hand(positions, "");
}

TensorSource logit_scale_of(const StoredPipeline& pipeline) {
  if (pipeline.logit_scale) return *pipeline.logit_scale;
  const SafeDtype dtype = pipeline.tensors.at(Part::kTextEncoder2).front().dtype;
  return tensor_at_hand(at::scalar_tensor(kUsualLogitScale, at::kFloat).to(scalar_type(dtype)), "");
}

std::string now_utc() {
  char date[32];
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  gmtime_r(&now, &utc);
  std::strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%SZ", &utc);
  return date;
}

/// The type that `source` is written in.
SafeDtype written_dtype(const TensorSource& source, const std::optional<SafeDtype>& wanted) {
  const bool empty = std::find(source.shape.begin(), source.shape.end(), 0) != source.shape.end();
  return wanted && is_floating(source.dtype) && !empty ? *wanted : source.dtype;
}

/// Hands on the values of `source` as `dtype`, contiguous on the CPU: where they lie if they are that already, else
/// converted piece by piece, so that a piece is used while it is in the processor's cache.
void for_each_piece(const TensorSource& source, SafeDtype dtype, const std::function<void(at::Tensor)>& use) {
  const at::Tensor values = source.read();
  const at::ScalarType type = scalar_type(dtype);
  if (values.scalar_type() == type && values.device().is_cpu() && values.is_contiguous()) return use(values);
  constexpr int64_t kPiece = int64_t{1} << 18;  // elements
  const at::Tensor flat = values.reshape({-1});
  for (int64_t begin = 0; begin < flat.numel(); begin += kPiece) {
    const int64_t count = std::min(kPiece, flat.numel() - begin);
    use(at::empty({count}, type).copy_(flat.narrow(0, begin, count)));
  }
}

/// Writes tensors on a thread of its own while the next ones are made.
class WriteBehind {
 public:
  explicit WriteBehind(SafetensorsWriter& writer) : writer_(writer) {}

  void write(at::Tensor piece) {
    submit([this, piece = std::move(piece)] { writer_.write(tensor_bytes(piece)); });
  }
  /// Calls `task` when everything before it has been written.
  void submit(std::function<void()> task) {
    constexpr size_t kMostPending = 3;  // what is made is held in memory
    if (pending_.size() == kMostPending) wait_for_one();
    pending_.push_back(thread_.submit(std::move(task)));
  }
  void finish() {
    while (!pending_.empty()) wait_for_one();
  }

 private:
  /// Throws what writing threw.
  void wait_for_one() {
    std::future<void> first = std::move(pending_.front());
    pending_.pop_front();
    first.get();
  }

  SafetensorsWriter& writer_;
  std::deque<std::future<void>> pending_;
  ThreadPool thread_{1};
};

/// "0x" and the SHA-256 of the data section that `sources` make.
std::string data_hash(const std::vector<TensorSource>& sources, const std::optional<SafeDtype>& dtype) {
  Sha256Hasher hasher;
  for (const TensorSource& source : sources) {
    for_each_piece(source, written_dtype(source, dtype),
                   [&](const at::Tensor& piece) { hasher.update(tensor_bytes(piece)); });
    if (source.release) source.release();
  }
  return "0x" + hasher.hex();
}

}  // namespace

std::vector<TensorSource> single_file_tensors(const StoredPipeline& pipeline) {
  require_parts(pipeline);
  std::vector<TensorSource> out;
  const auto add = [&](Part part, KeyMap keys) {
    PartWriter(std::move(keys), std::string(part_prefix(part, pipeline.refiner)), pipeline.tensors.at(part))
        .add_to(out);
  };
  const auto key = [&](Part part, std::string_view name) { return text(part_prefix(part, pipeline.refiner), name); };
  if (pipeline.text_encoder) {
    add(Part::kTextEncoder, clip_key_map());
    out.push_back(named(position_ids_of(pipeline), key(Part::kTextEncoder, kPositionIds)));
  }
  add(Part::kTextEncoder2, open_clip_key_map(*pipeline.text_encoder_2));
  out.push_back(named(logit_scale_of(pipeline), key(Part::kTextEncoder2, kLogitScale)));
  add(Part::kVae, vae_key_map(*pipeline.vae));
  add(Part::kUnet, unet_key_map(*pipeline.unet));
  const at::Tensor marker = at::empty({0}, at::kHalf);
  if (pipeline.scheduler.prediction_type == "v_prediction") {
    out.push_back(tensor_at_hand(marker, std::string(kVPredictionMarker)));
  }
  if (pipeline.scheduler.rescale_betas_zero_snr) out.push_back(tensor_at_hand(marker, std::string(kZeroSnrMarker)));
  return out;
}

std::map<std::string, std::string> single_file_metadata(const StoredPipeline& pipeline, const std::string& title) {
  std::map<std::string, std::string> metadata = pipeline.metadata;
  const bool velocity = pipeline.scheduler.prediction_type == "v_prediction";
  metadata["format"] = "pt";
  metadata["modelspec.prediction_type"] = velocity ? "v" : "epsilon";
  // What is there already knows better.
  metadata.insert(
      {{"modelspec.sai_model_spec", "1.0.1"},
       {"modelspec.architecture", pipeline.refiner ? "stable-diffusion-xl-v1-refiner" : "stable-diffusion-xl-v1-base"},
       {"modelspec.implementation", "https://github.com/Stability-AI/generative-models"},
       {"modelspec.title", title},
       {"modelspec.resolution", "1024x1024"},
       {"modelspec.date", now_utc()}});
  return metadata;
}

void write_tensor_sources(const fs::path& file, std::vector<TensorSource> sources, const WriteOptions& options) {
  const at::NoGradGuard no_grad;
  const auto dtype = [&](const TensorSource& source) { return written_dtype(source, options.dtype); };
  std::sort(sources.begin(), sources.end(), [&](const TensorSource& a, const TensorSource& b) {
    const size_t size_a = safe_dtype_size(dtype(a)), size_b = safe_dtype_size(dtype(b));
    return size_a != size_b ? size_a > size_b : a.name < b.name;
  });
  std::vector<SafeTensorInfo> infos;
  for (const TensorSource& source : sources) {
    infos.push_back({.name = source.name, .dtype = dtype(source), .shape = source.shape});
  }
  std::map<std::string, std::string> metadata = options.metadata;
  if (options.hash) metadata["modelspec.hash_sha256"] = data_hash(sources, options.dtype);
  SafetensorsWriter writer(file, std::move(infos), std::move(metadata));
  WriteBehind output(writer);
  for (const TensorSource& source : sources) {
    int64_t bytes = 0;
    for_each_piece(source, dtype(source), [&](at::Tensor piece) {
      bytes += static_cast<int64_t>(piece.nbytes());
      output.write(std::move(piece));
    });
    if (source.release) output.submit(source.release);
    if (options.on_tensor) options.on_tensor(bytes);
  }
  output.finish();
  writer.finish();
}

}  // namespace atelier
