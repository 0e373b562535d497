#include "data/post/tag_dictionary.h"

#include <algorithm>
#include <mutex>

#include "configs/base/hash.h"

namespace atelier {
namespace {

constexpr size_t kBlockBytes = size_t{64} << 10;

}  // namespace

/// Open addressing: each slot holds an id and the upper half of its name's hash, so that names are seldom compared.
class TagDictionary::Index {
 public:
  template <typename NameOf>
  int32_t find(std::string_view name, uint64_t hash, NameOf name_of) const {
    for (size_t i = hash & mask_;; i = (i + 1) & mask_) {
      const Slot& slot = slots_[i];
      if (slot.id == kUnknown) return kUnknown;
      if (slot.hash == static_cast<uint32_t>(hash >> 32) && name_of(slot.id) == name) return slot.id;
    }
  }

  void insert(int32_t id, uint64_t hash) {
    hashes_.push_back(hash);
    if (hashes_.size() * 2 > slots_.size()) return grow();
    place(id, hash);
  }

  uint64_t hash(int32_t id) const { return hashes_[static_cast<size_t>(id)]; }

  std::once_flag built;  // of a finished dictionary: when it is first asked

 private:
  struct Slot {
    int32_t id = kUnknown;
    uint32_t hash = 0;
  };

  void place(int32_t id, uint64_t hash) {
    size_t i = hash & mask_;
    while (slots_[i].id != kUnknown) i = (i + 1) & mask_;
    slots_[i] = {id, static_cast<uint32_t>(hash >> 32)};
  }

  void grow() {
    slots_.assign(std::max<size_t>(slots_.size() * 2, 64), {});
    mask_ = slots_.size() - 1;
    for (size_t id = 0; id < hashes_.size(); ++id) place(static_cast<int32_t>(id), hashes_[id]);
  }

  std::vector<uint64_t> hashes_;  // by id
  std::vector<Slot> slots_ = std::vector<Slot>(64);
  size_t mask_ = 63;
};

TagDictionary::TagDictionary() : index_(std::make_unique<Index>()) {}
TagDictionary::TagDictionary(Table table) : table_(std::move(table)), index_(std::make_unique<Index>()) {}
TagDictionary::~TagDictionary() = default;
TagDictionary::TagDictionary(TagDictionary&&) noexcept = default;
TagDictionary& TagDictionary::operator=(TagDictionary&&) noexcept = default;

int32_t TagDictionary::size() const {
  return static_cast<int32_t>(table_.owner ? table_.counts.size() : names_.size());
}

std::string_view TagDictionary::name(int32_t id) const {
  const auto i = static_cast<size_t>(id);
  if (!table_.owner) return names_[i];
  return {table_.names + table_.name_ends[i], static_cast<size_t>(table_.name_ends[i + 1] - table_.name_ends[i])};
}

TagCategory TagDictionary::category(int32_t id) const {
  if (table_.owner) return static_cast<TagCategory>(table_.categories[static_cast<size_t>(id)]);
  const Votes& votes = votes_[static_cast<size_t>(id)];
  return static_cast<TagCategory>(std::ranges::max_element(votes) - votes.begin());
}

int32_t TagDictionary::intern(std::string_view name) { return add(name, hash64(name)); }

int32_t TagDictionary::add(std::string_view name, uint64_t hash) {
  const int32_t known = index_->find(name, hash, [this](int32_t id) { return names_[static_cast<size_t>(id)]; });
  if (known != kUnknown) return known;
  const int32_t id = size();
  names_.push_back(keep(name));
  votes_.emplace_back();
  index_->insert(id, hash);
  return id;
}

/// A copy that stays where it is: blocks are filled up to what they reserved, and never more.
std::string_view TagDictionary::keep(std::string_view name) {
  if (blocks_.empty() || blocks_.back().capacity() - blocks_.back().size() < name.size()) {
    blocks_.emplace_back().reserve(std::max(kBlockBytes, name.size()));
  }
  std::string& block = blocks_.back();
  const size_t begin = block.size();
  block += name;
  return std::string_view(block).substr(begin);
}

int32_t TagDictionary::find(std::string_view name) const {
  if (table_.owner) {
    std::call_once(index_->built, [this] {
      for (int32_t id = 0; id < size(); ++id) index_->insert(id, hash64(this->name(id)));
    });
  }
  return index_->find(name, hash64(name), [this](int32_t id) { return this->name(id); });
}

std::vector<int32_t> TagDictionary::merge(const TagDictionary& other) {
  std::vector<int32_t> ids;
  ids.reserve(other.names_.size());
  for (size_t i = 0; i < other.names_.size(); ++i) {
    const int32_t id = add(other.names_[i], other.index_->hash(static_cast<int32_t>(i)));
    for (size_t c = 0; c < kTagCategoryCount; ++c) votes_[static_cast<size_t>(id)][c] += other.votes_[i][c];
    ids.push_back(id);
  }
  return ids;
}

}  // namespace atelier
