#include "trainer/cache/record_check.h"

#include <algorithm>
#include <memory>
#include <mutex>
#include <optional>

#include "configs/base/error.h"
#include "configs/base/interrupt.h"
#include "configs/base/text.h"
#include "configs/base/thread_pool.h"

namespace atelier {
namespace fs = std::filesystem;
namespace {

constexpr size_t kMostListed = 100;

/// Of every record of every shard, whether it is good for something.
enum class Use : uint8_t { kUnused, kUsed, kDamaged };

struct Survey {
  std::vector<std::string> names;          // of shards
  std::vector<std::vector<Use>> uses;      // by shard and row
  std::vector<bool> readable;              // by shard
  std::unique_ptr<RecordIndex> index;      // of just these shards
  CacheReport report;
};

/// Index and shards, all records taken for unused. REQUIRES the right to write the index.
Survey open_survey(const fs::path& folder) {
  Survey survey;
  survey.names = list_shards(folder);
  RecordIndex::write(folder, survey.names, nullptr);
  survey.index = RecordIndex::open(folder);
  if (!survey.index) throw DataError("the cache's index cannot be read back", folder.string(), "look at the disk");
  survey.uses.resize(survey.names.size());
  survey.readable.resize(survey.names.size());
  survey.report.shards = std::ssize(survey.names);
  return survey;
}

void read_shards(const fs::path& folder, Survey& survey, bool checksums) {
  CacheReport& report = survey.report;
  int64_t samples = 0;
  std::mutex mutex;
  parallel_for(std::ssize(survey.names), 0, [&](int64_t i) {
    check_interrupted();
    std::vector<Use>& uses = survey.uses[i];
    try {
      const RecordShard shard(folder / survey.names[i]);
      uses.assign(shard.size(), Use::kUnused);
      for (int64_t row = 0; checksums && row < shard.size(); ++row) {
        if (!shard.is_sound(row)) uses[row] = Use::kDamaged;
      }
      const std::lock_guard lock(mutex);
      survey.readable[i] = true;
      samples += std::ssize(shard.samples());
      report.records += shard.size();
      report.bytes += static_cast<int64_t>(fs::file_size(shard.path()));
      for (int64_t row = 0; row < shard.size(); ++row) {
        if (uses[row] != Use::kDamaged) continue;
        ++report.damaged;
        if (report.damages.size() < kMostListed) report.damages.push_back(text(survey.names[i], ": record ", row));
      }
    } catch (const DataError&) {
      const std::lock_guard lock(mutex);
      report.unreadable.push_back(survey.names[i]);
    }
  });
  report.twice = samples - survey.index->samples().size() + report.records - survey.index->records().size();
  std::ranges::sort(report.damages);
  std::ranges::sort(report.unreadable);
}

void mark_used(const std::vector<WantedGroup>& wanted, Survey& survey) {
  CacheReport& report = survey.report;
  for (const WantedGroup& group : wanted) {
    report.wanted += std::ssize(group.wanted);
    for (const WantedRecord& sample : group.wanted) {
      const std::optional<RecordPlace> place = survey.index->samples().find(sample.sample);
      if (!place || place->row >= survey.uses[place->shard].size()) continue;
      Use& use = survey.uses[place->shard][place->row];
      if (use == Use::kDamaged) continue;
      use = Use::kUsed;
      ++report.present;
    }
  }
  for (const std::vector<Use>& uses : survey.uses) report.unused += std::ranges::count(uses, Use::kUnused);
}

void survey_records(const fs::path& folder, const std::vector<WantedGroup>& wanted, bool checksums, Survey& survey) {
  read_shards(folder, survey, checksums);
  mark_used(wanted, survey);
}

/// The samples that someone wants.
CacheKeySet wanted_keys(const std::vector<WantedGroup>& wanted) {
  CacheKeySet keys;
  for (const WantedGroup& group : wanted) {
    for (const WantedRecord& sample : group.wanted) keys.insert(sample.sample);
  }
  return keys;
}

/// What stays of a shard.
class ShardPruner {
 public:
  ShardPruner(const Survey& survey, const std::vector<WantedGroup>& wanted)
      : survey_(survey), wanted_(wanted_keys(wanted)) {}

  ShardContent rest(const RecordShard& shard, uint32_t number) {
    ShardContent rest;
    for (int64_t row = 0; row < shard.size(); ++row) {
      if (survey_.uses[number][row] == Use::kUsed) rest.add(shard.keys()[row], shard.record(row));
    }
    for (const CachedSample& sample : shard.samples()) {
      const std::optional<RecordPlace> place = survey_.index->samples().find(sample.sample);
      if (!place || survey_.uses[place->shard][place->row] != Use::kUsed) continue;
      // Of a sample that stands there twice the first stays.
      if (wanted_.contains(sample.sample) && kept_.insert(sample.sample).second) rest.samples.push_back(sample);
    }
    return rest;
  }

 private:
  const Survey& survey_;
  CacheKeySet wanted_, kept_;
};

void write_beside(const RecordShard& shard, const ShardContent& rest) {
  const CellRange cells = cells_of_name(shard.path().filename().string()).value_or(CellRange());
  write_shard(shard.path().parent_path() / shard_name(cells, rest), rest, shard.dtype(), shard.record_shape());
}

}  // namespace

CacheReport check_records(const fs::path& folder, const std::vector<WantedGroup>& wanted, bool checksums) {
  const CacheLocks locks(folder);
  const RangeLock::Hold reading = locks.reading();
  Survey survey;
  {
    const RangeLock::Hold writing = locks.writing_shared_files();  // others may fill meanwhile
    survey = open_survey(folder);
  }
  survey_records(folder, wanted, checksums, survey);
  return survey.report;
}

CacheReport prune_records(const fs::path& folder, const std::vector<WantedGroup>& wanted, bool checksums) {
  const CacheLocks locks(folder);
  const std::optional<RangeLock::Hold> all = locks.everything();
  if (!all) {
    throw MachineError("the cache is in use", folder.string(), "prune when no run reads it and no process fills it");
  }
  Survey survey = open_survey(folder);
  survey_records(folder, wanted, checksums, survey);
  ShardPruner pruner(survey, wanted);
  for (uint32_t i = 0; i < survey.names.size(); ++i) {
    check_interrupted();
    const fs::path file = folder / survey.names[i];
    if (survey.readable[i]) {
      const RecordShard shard(file);
      const ShardContent rest = pruner.rest(shard, i);
      if (std::ssize(rest.keys) == shard.size() && rest.samples.size() == shard.samples().size()) continue;
      if (!rest.samples.empty() || !rest.keys.empty()) write_beside(shard, rest);
    }
    fs::remove(file);
  }
  RecordIndex::write(folder, list_shards(folder), nullptr);
  return survey.report;
}

}  // namespace atelier
