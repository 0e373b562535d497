#include "data/report/post_counts.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <mutex>
#include <unordered_map>

#include "configs/base/text.h"
#include "configs/base/thread_pool.h"
#include "data/ingest/timestamp.h"

namespace atelier {
namespace {

struct TextHash : std::hash<std::string_view> {
  using is_transparent = void;
};

/// The place of each of the most frequent general tags among PostCounts::lean_tags; -1 for all others.
std::vector<int16_t> lean_places(const TagDictionary& tags, std::vector<int32_t>& chosen) {
  std::vector<int16_t> places(static_cast<size_t>(tags.size()), -1);
  for (int32_t tag = 0; tag < tags.size() && chosen.size() < PostCounts::kLeanTags; ++tag) {  // most posts first
    if (tags.category(tag) != TagCategory::kGeneral) continue;
    places[static_cast<size_t>(tag)] = static_cast<int16_t>(chosen.size());
    chosen.push_back(tag);
  }
  return places;
}

/// What all threads read.
struct Sources {
  const Manifest& manifest;
  const Selection& selection;
  std::vector<uint64_t> samples;  // by row; empty without a plan
  std::vector<int16_t> lean_place;
};

/// What is counted of the batches that one thread goes through; all adds up.
class Counter {
 public:
  Counter(const Sources& sources, size_t lean_tags) : sources_(sources) {
    const auto tags = static_cast<size_t>(sources.manifest.dictionary().size());
    counts_.density.resize(size_edges().size() * size_edges().size());
    counts_.megapixels.resize(megapixel_edges().size());
    counts_.aspects.resize(aspect_edges().size());
    counts_.tag_usable.resize(tags);
    if (!sources.samples.empty()) counts_.tag_samples.resize(tags);
    counts_.lean_posts.resize(lean_tags);
  }

  void add(int64_t batch_index) {
    const ManifestBatch batch = sources_.manifest.batch(batch_index);
    for (int64_t i = 0; i < batch.rows; ++i) add_row(batch, i);
  }

  void merge_into(PostCounts& to) const;

 private:
  void add_row(const ManifestBatch& batch, int64_t i) {
    const Manifest& manifest = sources_.manifest;
    const int64_t row = batch.first_row + i;
    const auto at = static_cast<size_t>(i);
    usable_ = sources_.selection.exclusions[static_cast<size_t>(row)] == Exclusion::kNone;
    const PersonLabel person = manifest.person(row);
    const auto person_class = static_cast<size_t>(person.person_class);
    const auto rating = static_cast<size_t>(batch.rating[at]);
    count(counts_.posts);
    count(counts_.ratings[rating]);
    count(counts_.classes_by_rating[rating][person_class]);
    PostCounts::Year& in_year = batch.created_at.has(i) ? year(batch.created_at.values[at]) : counts_.without_date;
    count(in_year.tally);
    count(in_year.classes[person_class]);
    PostCounts::Class& in_class = counts_.classes[person_class];
    count(in_class.tally);
    count(in_class.group_sizes[static_cast<size_t>(person.group_size)]);
    in_class.inferred += person.inferred;
    counts_.person_conflicts += person.conflict;
    add_record(row);
    if (!manifest.path(row).empty()) {
      count(counts_.with_picture);
      count(counts_.formats[static_cast<size_t>(batch.format[at])]);
    }
    if (batch.width[at] > 0 && batch.height[at] > 0) add_size(batch.width[at], batch.height[at]);
    add_tags(batch, i, person_class);
  }

  void count(Tally& tally) const {
    ++tally.posts;
    tally.usable += usable_;
  }

  void add_record(int64_t row) {
    const Manifest& manifest = sources_.manifest;
    if (!manifest.caption(row).empty()) count(counts_.with_caption);
    if (!manifest.parent_id(row).empty()) count(counts_.with_parent);
    if (manifest.is_deleted(row)) count(counts_.deleted);
    if (manifest.is_banned(row)) count(counts_.banned);
    if (manifest.is_pending(row)) count(counts_.pending);
    const std::string_view url = manifest.source_url(row);
    if (url.empty()) return count(counts_.without_source);
    std::string site = site_of(url);
    const auto known = sites_.find(site);
    count(known != sites_.end() ? known->second : sites_[std::move(site)]);
  }

  void add_size(int32_t width, int32_t height) {
    const double w = width, h = height;
    count(counts_.known_size);
    count(counts_.density[bin_of(size_edges(), w) * size_edges().size() + bin_of(size_edges(), h)]);
    count(counts_.megapixels[bin_of(megapixel_edges(), w * h / 1e6)]);
    count(counts_.aspects[bin_of(aspect_edges(), w / h)]);
  }

  void add_tags(const ManifestBatch& batch, int64_t i, size_t person_class) {
    const uint64_t samples = sources_.samples.empty() ? 0 : sources_.samples[static_cast<size_t>(batch.first_row + i)];
    bool has_tags = false;
    for (size_t c = 0; c < batch.tags.size(); ++c) {
      const std::span<const int32_t> tags = batch.tags[c].at(i);
      if (tags.empty()) continue;
      has_tags = true;
      count(counts_.with_tag[c]);
      for (const int32_t tag : tags) {
        counts_.tag_usable[static_cast<size_t>(tag)] += usable_;
        if (samples) counts_.tag_samples[static_cast<size_t>(tag)] += samples;
      }
      if (c != static_cast<size_t>(TagCategory::kGeneral)) continue;
      for (const int32_t tag : tags) {
        const int16_t place = sources_.lean_place[static_cast<size_t>(tag)];
        if (place >= 0) ++counts_.lean_posts[static_cast<size_t>(place)][person_class];
      }
    }
    if (!has_tags) count(counts_.without_tags);
  }

  /// Posts stand by date in most sources: the year is that of the post before.
  PostCounts::Year& year(int64_t time) {
    if (!last_year_ || time < year_begin_ || time >= year_end_) {
      const int32_t number = year_of(time);
      last_year_ = &counts_.years[number];
      year_begin_ = start_of_year(number);
      year_end_ = start_of_year(number + 1);
    }
    return *last_year_;
  }

  static int64_t start_of_year(int32_t year) {
    return std::chrono::sys_seconds(std::chrono::sys_days(std::chrono::year(year) / 1 / 1)).time_since_epoch().count();
  }

  const Sources& sources_;
  PostCounts counts_;
  std::unordered_map<std::string, Tally, TextHash, std::equal_to<>> sites_;
  bool usable_ = false;  // the post at hand
  PostCounts::Year* last_year_ = nullptr;
  int64_t year_begin_ = 0, year_end_ = 0;
};

template <typename Tallies>
void add_all(const Tallies& from, Tallies& to) {
  for (size_t i = 0; i < from.size(); ++i) to[i].add(from[i]);
}

template <typename Number>
void add_numbers(const std::vector<Number>& from, std::vector<Number>& to) {
  to.resize(from.size());
  for (size_t i = 0; i < from.size(); ++i) to[i] += from[i];
}

void add_year(const PostCounts::Year& from, PostCounts::Year& to) {
  to.tally.add(from.tally);
  add_all(from.classes, to.classes);
}

void Counter::merge_into(PostCounts& to) const {
  for (Tally PostCounts::*tally :
       {&PostCounts::posts, &PostCounts::with_picture, &PostCounts::with_caption, &PostCounts::with_parent,
        &PostCounts::without_tags, &PostCounts::without_source, &PostCounts::known_size, &PostCounts::deleted,
        &PostCounts::banned, &PostCounts::pending}) {
    (to.*tally).add(counts_.*tally);
  }
  for (size_t c = 0; c < counts_.classes.size(); ++c) {
    to.classes[c].tally.add(counts_.classes[c].tally);
    to.classes[c].inferred += counts_.classes[c].inferred;
    add_all(counts_.classes[c].group_sizes, to.classes[c].group_sizes);
  }
  to.person_conflicts += counts_.person_conflicts;
  add_all(counts_.with_tag, to.with_tag);
  add_all(counts_.ratings, to.ratings);
  for (size_t r = 0; r < to.classes_by_rating.size(); ++r) {
    add_all(counts_.classes_by_rating[r], to.classes_by_rating[r]);
  }
  for (const auto& [number, counted] : counts_.years) add_year(counted, to.years[number]);
  add_year(counts_.without_date, to.without_date);
  add_all(counts_.formats, to.formats);
  for (const auto& [site, tally] : sites_) to.sites[site].add(tally);
  for (auto tallies : {&PostCounts::density, &PostCounts::megapixels, &PostCounts::aspects}) {
    (to.*tallies).resize((counts_.*tallies).size());
    add_all(counts_.*tallies, to.*tallies);
  }
  add_numbers(counts_.tag_usable, to.tag_usable);
  add_numbers(counts_.tag_samples, to.tag_samples);
  to.lean_posts.resize(counts_.lean_posts.size());
  for (size_t i = 0; i < to.lean_posts.size(); ++i) {
    for (size_t c = 0; c < to.lean_posts[i].size(); ++c) to.lean_posts[i][c] += counts_.lean_posts[i][c];
  }
}

}  // namespace

PostCounts count_posts(const ReportInput& input) {
  PostCounts counts;
  const Manifest& manifest = input.manifest;
  Sources sources{manifest, input.selection, samples_of_rows(input), {}};
  sources.lean_place = lean_places(manifest.dictionary(), counts.lean_tags);
  std::atomic<int64_t> next{0};
  std::mutex mutex;
  const int threads = static_cast<int>(std::clamp<int64_t>(manifest.batch_count(), 1, available_cores()));
  parallel_for(threads, threads, [&](int64_t) {
    Counter counter(sources, counts.lean_tags.size());
    for (int64_t batch; (batch = next++) < manifest.batch_count();) {
      counter.add(batch);
      manifest.release(batch);
    }
    const std::lock_guard lock(mutex);
    counter.merge_into(counts);
  });
  return counts;
}

std::vector<uint64_t> samples_of_rows(const ReportInput& input) {
  std::vector<uint64_t> samples;
  if (!input.plan) return samples;
  samples.resize(static_cast<size_t>(input.manifest.size()));
  const Strata& strata = input.plan->strata();
  for (const Stratum& stratum : strata.strata()) {
    const auto uses = static_cast<uint64_t>(std::llround(stratum.repeats.value() / PostCounts::kSampleUnit));
    for (int64_t entry = stratum.begin; entry < stratum.begin + stratum.posts; ++entry) {
      samples[strata.input().rows[strata.order()[static_cast<size_t>(entry)]]] += uses;
    }
  }
  return samples;
}

const std::vector<double>& size_edges() {
  static const std::vector<double> edges = [] {
    std::vector<double> made = {1};
    for (int quarter = 4 * 6; quarter <= 4 * 16; ++quarter) made.push_back(std::round(std::exp2(quarter / 4.0)));
    return made;
  }();
  return edges;
}

const std::vector<double>& megapixel_edges() {
  static const std::vector<double> edges = {0, 0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 3, 4, 6, 8, 12, 16, 25};
  return edges;
}

const std::vector<double>& aspect_edges() {
  static const std::vector<double> edges = {0,    0.25, 0.4,  0.5,  0.6,  0.7, 0.8, 0.9, 0.95,
                                            1.05, 1.1,  1.25, 1.45, 1.65, 2,   2.5, 4};
  return edges;
}

size_t bin_of(const std::vector<double>& edges, double value) {
  const auto above = std::ranges::upper_bound(edges, value);
  return above == edges.begin() ? 0 : static_cast<size_t>(above - edges.begin() - 1);
}

std::string site_of(std::string_view source_url) {
  const size_t scheme = source_url.find("://");
  if (scheme == source_url.npos) return "other text";
  std::string_view host = source_url.substr(scheme + 3);
  host = host.substr(0, host.find_first_of("/?#:"));
  std::string site = lower_ascii(host);
  if (site.starts_with("www.")) site.erase(0, 4);
  return site;
}

}  // namespace atelier
