// The index of a folder of shards: which samples and records there are, and where. A file of its own, memory-mapped,
// made from the shards alone.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "configs/base/safetensors.h"
#include "trainer/cache/key_table.h"

namespace atelier {

/// Names of the shards under `folder` ("1024x1024/0000-00ff-0123456789abcdef.safetensors"), sorted.
std::vector<std::string> list_shards(const std::filesystem::path& folder);

class RecordIndex {
 public:
  /// The index that stands in `folder`; nullptr if there is none, or none that can be read: it is made again.
  static std::unique_ptr<RecordIndex> open(const std::filesystem::path& folder);
  /// Writes the index of the shards `names`. What `old` (or nullptr) knows of them is taken over. A file that is no
  /// shard is left out, with a warning.
  static void write(const std::filesystem::path& folder, const std::vector<std::string>& names,
                    const RecordIndex* old);

  /// RecordPlace::shard counts these.
  const std::vector<std::string>& shards() const { return shards_; }
  bool is_of(const std::vector<std::string>& names) const;
  const KeyTable& samples() const { return samples_; }
  const KeyTable& records() const { return records_; }

 private:
  explicit RecordIndex(const std::filesystem::path& file);

  SafetensorsFile file_;
  std::vector<std::string> shards_;
  KeyTable samples_, records_;
};

}  // namespace atelier
