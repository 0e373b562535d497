#include "trainer/cache/latent_cache.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cstring>
#include <deque>
#include <future>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include "configs/base/error.h"
#include "configs/base/interrupt.h"
#include "configs/base/log.h"
#include "configs/base/text.h"
#include "configs/base/thread_pool.h"
#include "data/bucket/crop.h"
#include "models/autoencoder/autoencoder_kl.h"
#include "models/weights/weights.h"
#include "trainer/cache/cache_setting.h"
#include "trainer/cache/picture_task.h"

namespace atelier {
namespace {

/// One view of a manifest's row as a number, and back.
struct Item {
  int64_t row;
  bool flipped;

  static Item of(int64_t number) { return {number / 2, number % 2 == 1}; }
  int64_t number() const { return 2 * row + flipped; }
};

FileStamp file_stamp(const Manifest& manifest, int64_t row) {
  return {manifest.path(row), manifest.file_offset(row), manifest.file_size(row), manifest.file_modified_ns(row)};
}

Placement centre_placement(const Manifest& manifest, const Item& item, int32_t width, int32_t height) {
  const ResizePlan resize = plan_resize(manifest.width(item.row), manifest.height(item.row), width, height);
  return {resize.resized_w, resize.resized_h, resize.crop_left, resize.crop_top, width, height, item.flipped};
}

/// Pictures decoded by a pool a little ahead of whoever takes them, in order.
class PictureStream {
 public:
  using Prepare = std::function<PreparedPicture(int64_t index)>;

  PictureStream(ThreadPool& pool, int64_t count, int64_t ahead, Prepare prepare)
      : pool_(pool), count_(count), ahead_(ahead), prepare_(std::move(prepare)) {}
  /// Tasks look at what the stream's owner holds: none goes on without it.
  ~PictureStream() {
    for (auto& [done, picture] : pending_) done.wait();
  }

  PreparedPicture next() {
    while (started_ < count_ && std::ssize(pending_) < ahead_) start();
    auto [done, picture] = std::move(pending_.front());
    pending_.pop_front();
    done.get();
    return std::move(*picture);
  }

 private:
  void start() {
    auto picture = std::make_unique<PreparedPicture>();
    std::future<void> done =
        pool_.submit([this, index = started_++, into = picture.get()] { *into = prepare_(index); });
    pending_.emplace_back(std::move(done), std::move(picture));
  }

  ThreadPool& pool_;
  int64_t count_, ahead_;
  Prepare prepare_;
  int64_t started_ = 0;
  std::deque<std::pair<std::future<void>, std::unique_ptr<PreparedPicture>>> pending_;
};

/// Pictures of one size that are encoded together.
class EncodeBatch {
 public:
  EncodeBatch(const Autoencoder& autoencoder, at::Device device, SafeDtype dtype, int64_t height, int64_t width)
      : autoencoder_(autoencoder), device_(device), dtype_(dtype), height_(height), width_(width) {}

  int64_t size() const { return std::ssize(entries_); }
  bool has(const CacheKey& record) const {
    return std::ranges::any_of(entries_, [&](const CachedSample& entry) { return entry.record == record; });
  }
  void add(const CachedSample& entry, const std::vector<uint8_t>& pixels) {
    entries_.push_back(entry);
    pixels_.insert(pixels_.end(), pixels.begin(), pixels.end());
  }
  /// Of a picture whose record is that of another in the batch.
  void add_same(const CachedSample& entry) { same_.push_back(entry); }

  void encode_into(RecordSink& sink) {
    if (entries_.empty()) return;
    const at::NoGradGuard no_grad;
    const LatentDistribution posterior =
        autoencoder_.posterior(encoder_input(pixels_, size(), height_, width_, device_));
    at::Tensor records = posterior.mean;
    if (posterior.deviation.defined()) records = at::cat({posterior.mean, posterior.deviation}, 1);
    records = records.to(at::kCPU, scalar_type(dtype_)).contiguous();
    if (!all_finite(records)) {
      throw WeightsError("the VAE gives NaN or infinity", std::string(autoencoder_.class_name()),
                         "take another VAE, or dataset.cache_dtype: bf16 if its latents are too large for fp16");
    }
    const std::span bytes(static_cast<const std::byte*>(records.const_data_ptr()), records.nbytes());
    const size_t each = bytes.size() / entries_.size();
    for (size_t i = 0; i < entries_.size(); ++i) {
      sink.add_sample(entries_[i].sample, entries_[i].record);
      sink.add_record(entries_[i].record, bytes.subspan(i * each, each));
    }
    // After their records: a shard that is full is written at once, and no sample goes before its record.
    for (const CachedSample& entry : same_) sink.add_sample(entry.sample, entry.record);
    entries_.clear();
    same_.clear();
    pixels_.clear();
  }

 private:
  const Autoencoder& autoencoder_;
  at::Device device_;
  SafeDtype dtype_;
  int64_t height_, width_;
  std::vector<CachedSample> entries_, same_;
  std::vector<uint8_t> pixels_;
};

}  // namespace

at::Tensor encoder_input(std::span<const uint8_t> pixels, int64_t count, int64_t height, int64_t width,
                         at::Device device) {
  const at::Tensor bytes = at::from_blob(const_cast<uint8_t*>(pixels.data()), {count, height, width, 3},
                                         at::TensorOptions(at::kByte));
  return bytes.to(device).permute({0, 3, 1, 2}).to(at::kFloat).div_(127.5).sub_(1).contiguous();
}

LatentCache::LatentCache(const std::filesystem::path& cache_dir, const Dataset& dataset,
                         const Autoencoder& autoencoder, at::Device device)
    : dataset_(dataset),
      autoencoder_(autoencoder),
      device_(device),
      reader_(dataset),
      background_(parse_colour(dataset.options().loader.alpha_background)),
      planes_(dynamic_cast<const AutoencoderKL*>(&autoencoder) ? 2 : 1),
      store_(latent_setting(autoencoder, dataset.options().cache).open(cache_dir),
             cache_dtype(dataset.options().cache)) {}

std::vector<int64_t> LatentCache::record_shape(int64_t width, int64_t height) const {
  const int64_t factor = autoencoder_.factor();
  return {planes_ * autoencoder_.channels(), height / factor, width / factor};
}

void LatentCache::add_wanted(int64_t row, const BucketSize& size, WantedGroup& group) const {
  const Manifest& manifest = dataset_.manifest();
  const DatasetOptions& options = dataset_.options();
  const SourceOptions& source = options.sources[static_cast<size_t>(manifest.source(row))];
  const bool flips = loader_choices(options.loader, source).flip_aug;
  for (const bool flipped : {false, true}) {
    if (flipped && !flips) continue;
    const Item item{row, flipped};
    const PictureView seen = view(centre_placement(manifest, item, size.width, size.height));
    group.wanted.push_back({sample_key(file_stamp(manifest, row), seen), item.number()});
  }
}

std::vector<WantedGroup> LatentCache::wanted() const {
  const Strata& strata = dataset_.plan().strata();
  std::map<std::vector<int64_t>, WantedGroup> groups;
  for (const Strata::Bucket& bucket : strata.buckets()) {
    const std::vector<int64_t> shape = record_shape(bucket.size.width, bucket.size.height);
    WantedGroup& group = groups.try_emplace(shape, WantedGroup{shape, {}}).first->second;
    for (int64_t i = bucket.first_stratum; i < bucket.end_stratum; ++i) {
      const Stratum& stratum = strata.strata()[i];
      for (const uint32_t entry : std::span(strata.order()).subspan(stratum.begin, stratum.posts)) {
        add_wanted(strata.input().rows[entry], bucket.size, group);
      }
    }
  }
  std::vector<WantedGroup> list;
  for (auto& [shape, group] : groups) list.push_back(std::move(group));
  return list;
}

FillReport LatentCache::fill() {
  std::vector<WantedGroup> groups = wanted();
  const LoaderOptions& loader = dataset_.options().loader;
  ThreadPool pool(loader.max_data_loader_n_workers > 0 ? static_cast<int>(loader.max_data_loader_n_workers)
                                                       : available_cores());
  const int64_t batch_size = dataset_.options().cache.vae_batch_size;
  const MakeRecords make = [&](const WantedGroup& group, std::span<const WantedRecord> wanted, RecordSink& sink) {
    this->make(pool, group, wanted, sink);
  };
  return fill_records(store_, groups, {"cache latents", "pictures", batch_size}, make);
}

void LatentCache::make(ThreadPool& pool, const WantedGroup& group, std::span<const WantedRecord> wanted,
                       RecordSink& sink) {
  const Manifest& manifest = dataset_.manifest();
  const auto height = static_cast<int32_t>(group.shape[1] * autoencoder_.factor());
  const auto width = static_cast<int32_t>(group.shape[2] * autoencoder_.factor());
  const int64_t batch_size = dataset_.options().cache.vae_batch_size;
  PictureStream pictures(pool, std::ssize(wanted), batch_size + 2 * pool.size(), [&](int64_t index) {
    const Item item = Item::of(wanted[index].item);
    return prepare_picture(file_stamp(manifest, item.row),
                           view(centre_placement(manifest, item, width, height)), manifest.width(item.row),
                           manifest.height(item.row),
                           [&](const CacheKey& record) { return store_.has_record(record); });
  });
  EncodeBatch batch(autoencoder_, device_, store_.dtype(), height, width);
  for (const WantedRecord& sample : wanted) {
    if (interrupted()) break;  // what is encoded is kept
    const PreparedPicture picture = pictures.next();
    if (!picture.bad_reason.empty()) {
      note_bad(Item::of(sample.item).row, picture.bad_reason);
    } else if (sink.has(picture.record)) {
      sink.add_sample(sample.sample, picture.record);
    } else if (batch.has(picture.record)) {
      batch.add_same({sample.sample, picture.record});
    } else {
      batch.add({sample.sample, picture.record}, picture.pixels);
    }
    if (batch.size() == batch_size) batch.encode_into(sink);
  }
  batch.encode_into(sink);
}

void LatentCache::note_bad(int64_t row, const std::string& reason) {
  if (!bad_rows_.insert(row).second) return;  // the other way round, it was bad too
  const Manifest& manifest = dataset_.manifest();
  log_warning("not in the cache: ", manifest.id(row), ": ", reason, " (", manifest.path(row), ")");
  const int64_t most = dataset_.options().loader.max_bad_samples;
  if (std::ssize(bad_rows_) > most) {
    throw DataError(text("more than ", most, " pictures cannot be decoded; the last: ", reason),
                    std::string(manifest.path(row)),
                    "repair or remove them and build the dataset again, or raise dataset.loader.max_bad_samples");
  }
}

std::optional<RecordPlace> LatentCache::find(const LoadedSample& sample, int32_t width, int32_t height) const {
  const Placement placement = reader_.placement({sample.row, sample.epoch, sample.repeat}, width, height);
  return store_.find(sample_key(file_stamp(dataset_.manifest(), sample.row), view(placement)));
}

bool LatentCache::holds(const LoadedSample& sample, int32_t width, int32_t height) const {
  const std::optional<RecordPlace> place = find(sample, width, height);
  if (place) store_.will_need(*place);
  return place.has_value();
}

LatentDistribution LatentCache::posterior(const LoadedBatch& batch, const EncodeRows& encode) const {
  std::vector<int64_t> shape = record_shape(batch.width, batch.height);
  shape.insert(shape.begin(), std::ssize(batch.samples));
  at::Tensor records = at::zeros(
      shape, at::TensorOptions(scalar_type(store_.dtype())).pinned_memory(!device_.is_cpu()));
  auto* out = static_cast<std::byte*>(records.mutable_data_ptr());
  const size_t each = records.nbytes() / batch.samples.size();
  std::vector<int64_t> uncached;
  for (size_t i = 0; i < batch.samples.size(); ++i) {
    const LoadedSample& sample = batch.samples[i];
    if (const std::optional<RecordPlace> place = find(sample, batch.width, batch.height)) {
      const std::span<const std::byte> record = store_.checked_record(*place);
      if (record.size() != each) throw DataError("a record of the cache has another size", store_.folder().string());
      std::memcpy(out + i * each, record.data(), each);
    } else if (sample.weight != 0) {
      uncached.push_back(static_cast<int64_t>(i));
    }
  }
  records = records.to(device_, /*non_blocking=*/true).to(at::kFloat);
  LatentDistribution all{records.narrow(1, 0, autoencoder_.channels()), {}};
  if (planes_ == 2) all.deviation = records.narrow(1, autoencoder_.channels(), autoencoder_.channels());
  if (uncached.empty()) return all;
  const LatentDistribution fresh = encode(uncached);
  const at::Tensor rows = at::tensor(uncached, at::kLong).to(device_);
  all.mean.index_copy_(0, rows, fresh.mean);
  if (planes_ == 2) all.deviation.index_copy_(0, rows, fresh.deviation);
  return all;
}

}  // namespace atelier
