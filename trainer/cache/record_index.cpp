#include "trainer/cache/record_index.h"

#include <algorithm>
#include <span>

#include "configs/base/error.h"
#include "configs/base/log.h"
#include "configs/base/text.h"
#include "trainer/cache/record_shard.h"

namespace atelier {
namespace fs = std::filesystem;
namespace {

constexpr const char* kIndexName = "index.safetensors";
constexpr const char* kIndexVersion = "1";
constexpr std::string_view kShardExtension = ".safetensors";

static_assert(sizeof(RecordPlace) == 8);

bool by_key(const KeyedPlace& a, const KeyedPlace& b) {
  return a.key != b.key ? a.key < b.key : a.place < b.place;
}

template <typename T>
std::span<const T> index_column(const SafetensorsFile& file, const std::string& name) {
  const SafeTensorInfo* tensor = file.find(name);
  if (!tensor || tensor->byte_count() % sizeof(T) != 0) throw DataError("no index", file.path().string());
  const std::span<const std::byte> bytes = file.bytes(*tensor);
  return {reinterpret_cast<const T*>(bytes.data()), bytes.size() / sizeof(T)};
}

KeyTable read_table(const SafetensorsFile& file, const std::string& name) {
  const auto keys = index_column<CacheKey>(file, name + ".keys");
  const auto places = index_column<RecordPlace>(file, name + ".places");
  const auto starts = index_column<uint32_t>(file, name + ".starts");
  if (!is_key_table(keys, places, starts)) throw DataError("no index", file.path().string());
  return {keys, places, starts};
}

/// The entries of `old`, in order, under their shards' new numbers. A file's numbers are not trusted.
std::vector<KeyedPlace> renumbered(const KeyTable& old, std::span<const uint32_t> new_numbers) {
  std::vector<KeyedPlace> entries;
  entries.reserve(static_cast<size_t>(old.size()));
  for (int64_t i = 0; i < old.size(); ++i) {
    KeyedPlace entry = old.entry(i);
    if (entry.place.shard >= new_numbers.size()) continue;
    entry.place.shard = new_numbers[entry.place.shard];
    entries.push_back(entry);
  }
  return entries;
}

/// Both parts sorted, `kept` being so already.
void merge_sorted(std::vector<KeyedPlace>& kept, std::vector<KeyedPlace> added) {
  std::ranges::sort(added, by_key);
  const auto middle = std::ssize(kept);
  kept.insert(kept.end(), added.begin(), added.end());
  std::inplace_merge(kept.begin(), kept.begin() + middle, kept.end(), by_key);
}

struct NewShards {
  std::vector<KeyedPlace> records;
  std::vector<CachedSample> samples;
};

void read_shard_keys(const fs::path& file, uint32_t number, NewShards& found) {
  const RecordShard shard(file);
  for (int64_t row = 0; row < shard.size(); ++row) {
    found.records.push_back({shard.keys()[row], {static_cast<uint32_t>(row), number}});
  }
  found.samples.insert(found.samples.end(), shard.samples().begin(), shard.samples().end());
}

void write_table(SafetensorsWriter& writer, const KeyTableParts& parts) {
  writer.write(std::as_bytes(std::span(parts.keys)));
  writer.write(std::as_bytes(std::span(parts.places)));
}

void write_index(const fs::path& file, const std::vector<std::string>& names, const KeyTableParts& samples,
                 const KeyTableParts& records) {
  const auto keys = [](const std::string& name, const KeyTableParts& parts) {
    return SafeTensorInfo{name + ".keys", SafeDtype::kI64, {std::ssize(parts.keys), 2}};
  };
  const auto places = [](const std::string& name, const KeyTableParts& parts) {
    return SafeTensorInfo{name + ".places", SafeDtype::kI32, {std::ssize(parts.places), 2}};
  };
  const auto starts = [](const std::string& name, const KeyTableParts& parts) {
    return SafeTensorInfo{name + ".starts", SafeDtype::kI32, {std::ssize(parts.starts)}};
  };
  SafetensorsWriter writer(file,
                           {keys("samples", samples), places("samples", samples), keys("records", records),
                            places("records", records), starts("samples", samples), starts("records", records)},
                           {{"version", kIndexVersion}, {"shards", join(names, "\n")}});
  write_table(writer, samples);
  write_table(writer, records);
  writer.write(std::as_bytes(std::span(samples.starts)));
  writer.write(std::as_bytes(std::span(records.starts)));
  writer.finish();
}

}  // namespace

std::vector<std::string> list_shards(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code absent;
  for (const fs::directory_entry& shape : fs::directory_iterator(folder, absent)) {
    if (!shape.is_directory()) continue;
    for (const fs::directory_entry& shard : fs::directory_iterator(shape.path(), absent)) {
      const std::string name = shard.path().filename().string();
      if (name.ends_with(kShardExtension)) names.push_back(shape.path().filename().string() + "/" + name);
    }
  }
  std::ranges::sort(names);
  return names;
}

RecordIndex::RecordIndex(const fs::path& file)
    : file_(file), samples_(read_table(file_, "samples")), records_(read_table(file_, "records")) {
  const auto version = file_.metadata().find("version"), shards = file_.metadata().find("shards");
  if (version == file_.metadata().end() || version->second != kIndexVersion || shards == file_.metadata().end()) {
    throw DataError("no index", file.string());
  }
  if (shards->second.empty()) return;
  for (const std::string_view name : split(shards->second, '\n')) shards_.emplace_back(name);
}

std::unique_ptr<RecordIndex> RecordIndex::open(const fs::path& folder) {
  if (!fs::exists(folder / kIndexName)) return nullptr;
  try {
    return std::unique_ptr<RecordIndex>(new RecordIndex(folder / kIndexName));
  } catch (const Error& error) {
    log_warning("the cache's index is made again: ", error.summary(), " (", error.where(), ")");
    return nullptr;
  }
}

bool RecordIndex::is_of(const std::vector<std::string>& names) const { return shards_ == names; }

void RecordIndex::write(const fs::path& folder, const std::vector<std::string>& names, const RecordIndex* old) {
  // Where a shard is gone, samples that lay elsewhere may have lost their records: then all is read again.
  if (old && !std::ranges::includes(names, old->shards_)) old = nullptr;
  std::vector<uint32_t> new_numbers;  // of old's shards
  std::vector<KeyedPlace> samples, records;
  std::vector<bool> known(names.size());
  if (old) {
    for (const std::string& name : old->shards_) {
      new_numbers.push_back(static_cast<uint32_t>(std::ranges::lower_bound(names, name) - names.begin()));
      known[new_numbers.back()] = true;
    }
    samples = renumbered(old->samples_, new_numbers);
    records = renumbered(old->records_, new_numbers);
  }
  NewShards found;
  for (size_t i = 0; i < names.size(); ++i) {
    if (known[i]) continue;
    try {
      read_shard_keys(folder / names[i], static_cast<uint32_t>(i), found);
    } catch (const DataError& error) {
      log_warning("left out of the cache: ", error.what());
    }
  }
  merge_sorted(records, std::move(found.records));
  const KeyTableParts record_table = make_key_table(records);
  const KeyTable record_places(record_table.keys, record_table.places, record_table.starts);
  std::vector<KeyedPlace> added;
  for (const CachedSample& sample : found.samples) {
    // A sample whose record is gone is none: it is made again.
    if (const auto place = record_places.find(sample.record)) added.push_back({sample.sample, *place});
  }
  merge_sorted(samples, std::move(added));
  write_index(folder / kIndexName, names, make_key_table(samples), record_table);
}

}  // namespace atelier
