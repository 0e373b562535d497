#include "data/dedup/fingerprints.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <mutex>
#include <optional>
#include <string>
#include <tuple>

#include "configs/base/error.h"
#include "configs/base/file_lock.h"
#include "configs/base/hash.h"
#include "configs/base/interrupt.h"
#include "configs/base/log.h"
#include "configs/base/progress.h"
#include "configs/base/text.h"
#include "configs/base/thread_pool.h"
#include "data/dedup/families.h"
#include "data/dedup/fingerprint_file.h"
#include "data/files/picture_bytes.h"
#include "data/image/perceptual_hash.h"
#include "data/image/pixel_hash.h"

namespace atelier {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kPicturesBetweenLooks = 1024;  // at the clock
constexpr std::chrono::minutes kSaveInterval{2};

/// 32 hex digits; nullopt for anything else.
std::optional<Hash128> hash_of_hex(std::string_view hex) {
  Hash128 hash{};
  if (hex.size() != 32) return std::nullopt;
  for (size_t i = 0; i < hash.size(); ++i) {
    const char* begin = hex.data() + 16 * i;
    const auto [end, error] = std::from_chars(begin, begin + 16, hash[i], 16);
    if (error != std::errc() || end != begin + 16) return std::nullopt;
  }
  return hash;
}

Hash128 key_of(const Manifest& manifest, int64_t row) {
  ContentHasher hasher;
  hasher.update_field(manifest.path(row));
  hasher.update_number(manifest.file_offset(row));
  hasher.update_number(manifest.file_size(row));
  hasher.update_number(manifest.file_modified_ns(row));
  return *hash_of_hex(hasher.hex());
}

/// What is asked of one picture's file.
struct Wanted {
  bool exact = false, looks = false;

  bool met_by(const PictureHashes& known) const {
    if (exact && !known.md5) return false;
    return known.unreadable || ((!exact || known.pixel_hash) && (!looks || known.difference));
  }
};

/// Makes what is missing of `known`, from the file. DataError if the file cannot be read; one that cannot be decoded is
/// marked.
void add_hashes(PictureHashes& known, const Manifest& manifest, int64_t row, Wanted wanted) {
  const PictureBytes file =
      picture_bytes(std::string(manifest.path(row)), manifest.file_offset(row), manifest.file_size(row));
  if (wanted.exact && !known.md5) {
    Md5Hasher hasher;
    hasher.update(file.bytes());
    known.md5 = hash_of_hex(hasher.hex());
  }
  try {
    if (wanted.exact && !known.pixel_hash) known.pixel_hash = hash_of_hex(pixel_hash(file.bytes()));
    if (!wanted.looks || known.difference) return;
    const PerceptualHash looks = perceptual_hash(file.bytes());
    known.difference = looks.difference;
    known.fine_difference = looks.fine_difference;
    known.contrast = looks.contrast;
  } catch (const DataError&) {
    known.unreadable = true;
  }
}

/// The hashes of pictures, from the file beside the manifest and from the pictures.
class HashStore {
 public:
  HashStore(const Manifest& manifest, fs::path file)
      : manifest_(manifest), file_(std::move(file)), pictures_(read_fingerprint_file(file_)) {}

  const PictureHashes* find(const Hash128& key) const {
    const auto found = std::ranges::lower_bound(pictures_, key, {}, &PictureHashes::key);
    return found == pictures_.end() || found->key != key ? nullptr : &*found;
  }

  struct Task {
    PictureHashes hashes;  // what is known so far
    int64_t row = 0;
    Wanted wanted;
  };

  /// Saves what it has every two minutes, at the end, and when anything ends it before.
  void make(std::vector<Task>& tasks) {
    Progress progress("fingerprints", std::ssize(tasks), "pictures");
    auto saved = std::chrono::steady_clock::now();
    for (int64_t first = 0; first < std::ssize(tasks); first += kPicturesBetweenLooks) {
      const auto part = std::span(tasks).subspan(
          static_cast<size_t>(first), static_cast<size_t>(std::min(kPicturesBetweenLooks, std::ssize(tasks) - first)));
      try {
        parallel_for(std::ssize(part), 0, [&](int64_t i) {
          check_interrupted();
          make_one(part[static_cast<size_t>(i)]);
          progress.advance();
        });
      } catch (...) {
        save();
        throw;
      }
      if (std::chrono::steady_clock::now() - saved < kSaveInterval) continue;
      save();
      saved = std::chrono::steady_clock::now();
    }
    save();
  }

 private:
  void make_one(Task& task) {
    try {
      add_hashes(task.hashes, manifest_, task.row, task.wanted);
    } catch (const DataError& error) {  // of the moment, perhaps: it is tried again the next time
      log_debug("no fingerprint: ", error.where(), ": ", error.summary());
      return;
    }
    const std::lock_guard lock(mutex_);
    made_.push_back(task.hashes);
  }

  void save() {
    if (made_.empty()) return;
    std::ranges::sort(made_, {}, &PictureHashes::key);
    std::vector<PictureHashes> all;
    all.reserve(pictures_.size() + made_.size());
    // Of equal keys the first stays: what was made knows more.
    std::ranges::merge(made_, pictures_, std::back_inserter(all), {}, &PictureHashes::key, &PictureHashes::key);
    const auto repeated = std::ranges::unique(all, {}, &PictureHashes::key);
    all.erase(repeated.begin(), repeated.end());
    pictures_ = std::move(all);
    made_.clear();
    write_fingerprint_file(file_, pictures_);
  }

  const Manifest& manifest_;
  fs::path file_;
  std::vector<PictureHashes> pictures_;  // by key
  std::mutex mutex_;
  std::vector<PictureHashes> made_;
};

/// What the record says.
Fingerprint recorded(const Manifest& manifest, int64_t row) {
  Fingerprint print;
  print.md5 = hash_of_hex(manifest.md5(row)).value_or(Hash128{});
  print.pixel_hash = hash_of_hex(manifest.pixel_hash(row)).value_or(Hash128{});
  if (manifest.height(row) > 0) {
    print.aspect = static_cast<float>(manifest.width(row)) / static_cast<float>(manifest.height(row));
  }
  return print;
}

void add(Fingerprint& print, const PictureHashes& known) {
  if (print.md5 == Hash128{} && print.pixel_hash == Hash128{}) {
    print.md5 = known.md5.value_or(Hash128{});
    print.pixel_hash = known.pixel_hash.value_or(Hash128{});
  }
  if (!known.difference) return;
  print.coarse = *known.difference;
  print.fine = known.fine_difference;
  print.comparable = !PerceptualHash{.contrast = known.contrast}.is_plain();
}

}  // namespace

fs::path fingerprints_file(const fs::path& manifest_dir) {
  fs::path folder = fs::absolute(manifest_dir).lexically_normal();
  if (!folder.has_filename()) folder = folder.parent_path();  // "runs/lina/manifest/"
  return folder.parent_path() / "fingerprints.arrow";
}

std::vector<Fingerprint> refresh_fingerprints(const Manifest& manifest, std::span<const int64_t> rows,
                                              const DedupOptions& options, const fs::path& file) {
  std::vector<Fingerprint> prints(rows.size());
  std::vector<Hash128> keys(rows.size());
  std::vector<Wanted> wanted(rows.size());
  parallel_for(std::ssize(rows), 0, [&](int64_t at) {
    const auto i = static_cast<size_t>(at);
    prints[i] = recorded(manifest, rows[i]);
    if (manifest.path(rows[i]).empty()) return;  // planned without its picture
    wanted[i] = {.exact = prints[i].md5 == Hash128{} && prints[i].pixel_hash == Hash128{},
                 .looks = options.method == "near"};
    if (wanted[i].exact || wanted[i].looks) keys[i] = key_of(manifest, rows[i]);
  });

  const FileLock lock(file.string() + ".lock");
  HashStore store(manifest, file);
  std::vector<HashStore::Task> tasks;
  for (size_t i = 0; i < rows.size(); ++i) {
    if (!wanted[i].exact && !wanted[i].looks) continue;
    const PictureHashes* known = store.find(keys[i]);
    const PictureHashes hashes = known ? *known : PictureHashes{.key = keys[i]};
    if (!wanted[i].met_by(hashes)) tasks.push_back({hashes, rows[i], wanted[i]});
  }
  if (!tasks.empty()) store.make(tasks);

  int64_t unreadable = 0;
  for (size_t i = 0; i < rows.size(); ++i) {
    if (!wanted[i].exact && !wanted[i].looks) continue;
    const PictureHashes* known = store.find(keys[i]);
    if (known) add(prints[i], *known);
    unreadable += !known || known->unreadable;
  }
  if (unreadable) {
    log_warning(grouped(unreadable), " pictures cannot be read or decoded and are compared with none; "
                "`atelier dataset verify` lists them");
  }
  const std::vector<int64_t> families = families_of(manifest, rows);
  for (size_t i = 0; i < rows.size(); ++i) prints[i].family = families[i];
  return prints;
}

std::vector<int64_t> by_preference(const Manifest& manifest, std::span<const int64_t> rows) {
  using Rank = std::tuple<bool, int64_t, int64_t, int64_t, bool, int64_t, int64_t>;  // the least is the best
  std::vector<Rank> ranks(rows.size());
  parallel_for(std::ssize(rows), 0, [&](int64_t i) {
    const int64_t row = rows[static_cast<size_t>(i)];
    const int64_t pixels = int64_t{manifest.width(row)} * manifest.height(row);
    // Among as many pixels, more bytes a pixel are more bytes.
    ranks[static_cast<size_t>(i)] = {manifest.is_deleted(row),
                                     -pixels,
                                     -manifest.file_size(row),
                                     -int64_t{manifest.score(row).value_or(INT32_MIN)},
                                     manifest.format(row) != ImageFormat::kPng,
                                     manifest.created_at(row).value_or(INT64_MAX),
                                     row};
  });
  std::ranges::sort(ranks);
  std::vector<int64_t> ordered(rows.size());
  for (size_t i = 0; i < ranks.size(); ++i) ordered[i] = std::get<6>(ranks[i]);
  return ordered;
}

}  // namespace atelier
