#include "data/dedup/fingerprint_file.h"

#include <arrow/api.h>

#include <algorithm>
#include <memory>
#include <string>

#include "configs/base/atomic_file.h"
#include "configs/base/error.h"
#include "configs/base/log.h"
#include "data/manifest/arrow_files.h"

namespace atelier {
namespace {

namespace fs = std::filesystem;

constexpr size_t kBatchRows = 65536;

/// Bytes in the order in which the hash is written as hex digits.
template <size_t Numbers>
std::array<uint8_t, 8 * Numbers> bytes_of(const std::array<uint64_t, Numbers>& hash) {
  std::array<uint8_t, 8 * Numbers> bytes;
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<uint8_t>(hash[i / 8] >> (56 - 8 * (i % 8)));
  return bytes;
}

template <size_t Numbers>
std::array<uint64_t, Numbers> hash_of(const uint8_t* bytes) {
  std::array<uint64_t, Numbers> hash{};
  for (size_t i = 0; i < 8 * Numbers; ++i) hash[i / 8] |= uint64_t{bytes[i]} << (56 - 8 * (i % 8));
  return hash;
}

const std::shared_ptr<arrow::Schema>& file_schema() {
  static const auto schema = arrow::schema({
      arrow::field("key", arrow::fixed_size_binary(16), /*nullable=*/false),
      arrow::field("md5", arrow::fixed_size_binary(16)),
      arrow::field("pixel_hash", arrow::fixed_size_binary(16)),
      arrow::field("difference", arrow::fixed_size_binary(8)),
      arrow::field("fine_difference", arrow::fixed_size_binary(32)),
      arrow::field("contrast", arrow::float32()),
      arrow::field("unreadable", arrow::boolean(), /*nullable=*/false),
  });
  return schema;
}

void check(const arrow::Status& status) {
  if (!status.ok()) throw MachineError(status.ToString(), "fingerprints");
}

/// One column of hashes while it is filled.
class HashColumn {
 public:
  explicit HashColumn(int index) : builder_(file_schema()->field(index)->type()) {}

  template <size_t Numbers>
  void append(const std::array<uint64_t, Numbers>& hash) {
    check(builder_.Append(bytes_of(hash).data()));
  }
  void append(const std::optional<Hash128>& hash) { hash ? append(*hash) : append_null(); }
  void append_null() { check(builder_.AppendNull()); }
  std::shared_ptr<arrow::Array> finish() {
    std::shared_ptr<arrow::Array> array;
    check(builder_.Finish(&array));
    return array;
  }

 private:
  arrow::FixedSizeBinaryBuilder builder_;
};

std::shared_ptr<arrow::RecordBatch> batch_of(std::span<const PictureHashes> pictures) {
  HashColumn key(0), md5(1), pixel_hash(2), difference(3), fine(4);
  arrow::FloatBuilder contrast;
  arrow::BooleanBuilder unreadable;
  for (const PictureHashes& picture : pictures) {
    key.append(picture.key);
    md5.append(picture.md5);
    pixel_hash.append(picture.pixel_hash);
    if (picture.difference) {
      difference.append(std::array{*picture.difference});
      fine.append(picture.fine_difference);
      check(contrast.Append(picture.contrast));
    } else {
      difference.append_null(), fine.append_null();
      check(contrast.AppendNull());
    }
    check(unreadable.Append(picture.unreadable));
  }
  std::shared_ptr<arrow::Array> contrasts, flags;
  check(contrast.Finish(&contrasts));
  check(unreadable.Finish(&flags));
  return arrow::RecordBatch::Make(file_schema(), std::ssize(pictures),
                                  {key.finish(), md5.finish(), pixel_hash.finish(), difference.finish(), fine.finish(),
                                   contrasts, flags});
}

void append_pictures(std::vector<PictureHashes>& pictures, const arrow::RecordBatch& batch) {
  const auto hashes = [&](int i) -> const auto& {
    return static_cast<const arrow::FixedSizeBinaryArray&>(*batch.column(i));
  };
  const auto &key = hashes(0), &md5 = hashes(1), &pixel_hash = hashes(2), &difference = hashes(3), &fine = hashes(4);
  const auto& contrast = static_cast<const arrow::FloatArray&>(*batch.column(5));
  const auto& unreadable = static_cast<const arrow::BooleanArray&>(*batch.column(6));
  for (int64_t i = 0; i < batch.num_rows(); ++i) {
    PictureHashes picture{.key = hash_of<2>(key.GetValue(i)), .unreadable = unreadable.Value(i)};
    if (md5.IsValid(i)) picture.md5 = hash_of<2>(md5.GetValue(i));
    if (pixel_hash.IsValid(i)) picture.pixel_hash = hash_of<2>(pixel_hash.GetValue(i));
    if (difference.IsValid(i)) {
      picture.difference = hash_of<1>(difference.GetValue(i))[0];
      picture.fine_difference = hash_of<4>(fine.GetValue(i));
      picture.contrast = contrast.Value(i);
    }
    pictures.push_back(picture);
  }
}

}  // namespace

std::vector<PictureHashes> read_fingerprint_file(const fs::path& path) {
  std::vector<PictureHashes> pictures;
  if (!fs::exists(path)) return pictures;
  try {
    for (const auto& batch : map_arrow_file(path, file_schema())) append_pictures(pictures, *batch);
  } catch (const DataError&) {
    log_warning(path.string(), " is damaged or of another version: fingerprints are made anew");
    pictures.clear();
  }
  std::ranges::sort(pictures, {}, &PictureHashes::key);
  return pictures;
}

void write_fingerprint_file(const fs::path& path, const std::vector<PictureHashes>& pictures) {
  AtomicFile file(path);
  ArrowFileWriter writer(file.temporary_path(), file_schema());
  for (size_t first = 0; first < pictures.size(); first += kBatchRows) {
    const size_t rows = std::min(kBatchRows, pictures.size() - first);
    writer.write(*batch_of(std::span(pictures).subspan(first, rows)));
  }
  writer.close();
  file.commit();
}

}  // namespace atelier
