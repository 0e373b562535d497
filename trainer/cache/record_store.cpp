#include "trainer/cache/record_store.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "configs/base/error.h"
#include "configs/base/text.h"

namespace atelier {
namespace fs = std::filesystem;
namespace {

/// "1024x768"
std::string shape_name(std::span<const int64_t> shape) {
  std::string name;
  for (const int64_t side : shape) name += (name.empty() ? "" : "x") + std::to_string(side);
  return name;
}

}  // namespace

RecordStore::RecordStore(fs::path folder, SafeDtype dtype)
    : folder_(std::move(folder)), dtype_(dtype), locks_(folder_), reading_(locks_.reading()) {
  refresh();
}

void RecordStore::refresh() {
  const auto is_fresh = [this] { return index_ && index_->is_of(list_shards(folder_)); };
  if (!is_fresh()) {
    const RangeLock::Hold making = locks_.writing_shared_files();
    index_ = RecordIndex::open(folder_);  // perhaps made by another process meanwhile
    if (!is_fresh()) {
      RecordIndex::write(folder_, list_shards(folder_), index_.get());
      index_ = RecordIndex::open(folder_);
      if (!index_) throw DataError("the cache's index cannot be read back", folder_.string(), "look at the disk");
    }
  }
  slots_ = std::make_unique<Slot[]>(index_->shards().size());
}

const RecordShard& RecordStore::shard(uint32_t number) const {
  if (number >= index_->shards().size()) throw DataError("the cache's index is damaged", folder_.string());
  Slot& slot = slots_[number];
  std::call_once(slot.opened,
                 [&] { slot.shard = std::make_unique<RecordShard>(folder_ / index_->shards()[number]); });
  return *slot.shard;
}

std::span<const std::byte> RecordStore::record(RecordPlace place) const {
  const RecordShard& found = shard(place.shard);
  if (place.row >= found.size()) throw DataError("the cache's index is damaged", found.path().string());
  return found.record(place.row);
}

std::span<const std::byte> RecordStore::checked_record(RecordPlace place) const {
  const std::span<const std::byte> bytes = record(place);
  if (shard(place.shard).is_sound(place.row)) return bytes;
  throw DataError(text("record ", place.row, " of the cache is damaged: its checksum is another"),
                  shard(place.shard).path().string(),
                  "atelier dataset cache RUN --verify --prune takes the damaged ones out; then fill it again");
}

void RecordStore::will_need(RecordPlace place) const {
  static const auto page = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
  const std::span<const std::byte> bytes = record(place);
  const auto begin = reinterpret_cast<uintptr_t>(bytes.data()) / page * page;
  const auto end = reinterpret_cast<uintptr_t>(bytes.data()) + bytes.size();
  ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_WILLNEED);
}

std::optional<RangeLock::Hold> RecordStore::claim(std::span<const int64_t> shape, CellRange cells) const {
  return locks_.claim(shape_name(shape), cells);
}

fs::path RecordStore::shape_folder(std::span<const int64_t> shape) const { return folder_ / shape_name(shape); }

std::vector<fs::path> RecordStore::new_shards(std::span<const int64_t> shape, CellRange cells) const {
  std::vector<fs::path> found;
  std::error_code absent;
  for (const fs::directory_entry& entry : fs::directory_iterator(shape_folder(shape), absent)) {
    const std::string name = entry.path().filename().string();
    const std::optional<CellRange> held = cells_of_name(name);
    if (!held || !held->overlaps(cells)) continue;
    if (name.ends_with(".safetensors")) {
      const std::string relative = shape_name(shape) + "/" + name;
      if (!std::ranges::binary_search(index_->shards(), relative)) found.push_back(entry.path());
    } else if (cells.contains(*held)) {
      fs::remove(entry.path(), absent);  // of a writer that no longer holds the claim
    }
  }
  return found;
}

fs::path RecordStore::shard_path(std::span<const int64_t> shape, CellRange cells, const ShardContent& content) const {
  const fs::path folder = shape_folder(shape);
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) throw ConfigError("cannot make the cache's folder: " + error.message(), folder.string());
  return folder / shard_name(cells, content);
}

}  // namespace atelier
