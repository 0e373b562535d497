// "Check these": what of a report should be looked at before money is spent, gravest first.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <vector>

#include "configs/base/text.h"
#include "data/report/json_parts.h"
#include "data/report/sections.h"
#include "data/report/text_table.h"

namespace atelier {
namespace {

using Json = nlohmann::ordered_json;

class Findings {
 public:
  explicit Findings(const Json& report)
      : report_(report), counted_(report["posts"]["counted"]), usable_(report["posts"]["usable"]) {}

  std::vector<Json> list() {
    about_use();
    about_people();
    about_records();
    if (report_.contains("exposure")) about_exposure();
    if (report_.contains("captions")) about_plan();
    about_duplicates();
    std::ranges::stable_sort(found_, std::ranges::greater{},
                             [](const Json& each) { return each["weight"].get<int>(); });
    return std::move(found_);
  }

 private:
  void add(const char* code, int weight, const std::string& sentence) {
    const char* severity = weight >= 70 ? "problem" : weight >= 30 ? "warning" : "note";
    found_.push_back({{"code", code}, {"severity", severity}, {"weight", weight}, {"text", sentence}});
  }

  static double part(int64_t some, int64_t all) {
    return share_of(static_cast<double>(some), static_cast<double>(all));
  }
  struct Verb {
    std::string_view one, many;
  };
  static constexpr Verb kAre{"is", "are"}, kHave{"has", "have"};

  /// `noun` is a plural in -s.
  static std::string_view noun_of(int64_t count, std::string_view noun) {
    return count == 1 ? noun.substr(0, noun.size() - 1) : noun;
  }
  static std::string_view verb_of(int64_t count, const Verb& verb) { return count == 1 ? verb.one : verb.many; }
  static std::string count_of(int64_t count, std::string_view noun) {
    return text(grouped(count), " ", noun_of(count, noun));
  }
  /// "24 of 140 posts (17.1 %) name no artist."
  static std::string of(int64_t some, int64_t all, std::string_view noun, const Verb& verb, std::string_view rest) {
    return text(grouped(some), " of ", count_of(all, noun), " (", percent(part(some, all)), ") ", verb_of(some, verb),
                " ", rest);
  }

  void about_use() {
    const Json& posts = report_["posts"];
    if (counted_ == 0) return add("nothing_usable", 100, "There is no post at all that may be counted.");
    if (posts["with_picture"]["posts"] == 0) {
      add("no_pictures", 60, text("No picture is here: these are the records of ", count_of(counted_, "posts"), "."));
    }
    if (usable_ == 0) {
      add("nothing_usable", 100,
          text("None of ", count_of(counted_, "posts"), " can be used; see what leaves them out."));
    } else if (!posts.contains("samples_per_epoch")) {
      add("no_sample", 95,
          "Posts are usable, but the plan has no sample: repeats are 0, or limits keep all of them out.");
    }
    if (report_["made"]["without_pictures"]) {
      add("without_pictures", 20,
          "Posts whose picture is not here count as usable, by the size that their record states.");
    }
    int64_t quarantined = 0;
    for (const auto& [reason, samples] : posts["quarantined"].items()) quarantined += samples.get<int64_t>();
    if (quarantined) {
      const int64_t read = posts["read"];
      add("quarantine", part(quarantined, read) > 0.01 ? 75 : 35,
          of(quarantined, read, "samples", {"cannot", "cannot"}, "be read."));
    }
    if (const int64_t minors = posts["excluded_minors"]) {
      add("minors", 5, text("Left out and kept nowhere: ", count_of(minors, "posts"), " sexualising minors."));
    }
    int64_t opted_out = 0;
    for (const auto& [reason, rows] : report_["licence"]["opt_outs"]["excluded"].items())
      opted_out += rows.get<int64_t>();
    if (opted_out) {
      add("opt_outs", 4, text("Left out at their artists' wish: ", count_of(opted_out, "posts"), "."));
    }
  }

  void about_people() {
    const Json& people = report_["people"];
    for (const Json& each : people["classes"]) {
      const std::string name = each["class"];
      const int64_t usable = each["usable"];
      if (name == "unknown" && part(usable, usable_) > 0.2) {
        add("unknown_people", 40, of(usable, usable_, "usable posts", {"does", "do"}, "not say who is shown."));
      } else if (usable_ > 1 && part(usable, usable_) > 0.8) {
        add("one_class", 50, text(percent(part(usable, usable_)), " of the usable posts are ", name, "."));
      }
      if (!each.contains("wanted")) continue;
      const double wanted = each["wanted"], reached = each["reached"];
      if (wanted - reached > 0.01) {
        add("class_missed", 65,
            text(name, " reaches ", percent(reached), " of the samples, ", percent(wanted), " are wanted."));
      }
    }
    if (const int64_t conflicts = people["conflicts"]; part(conflicts, counted_) > 0.01) {
      add("person_conflicts", 30, of(conflicts, counted_, "posts", kHave, "people tags that contradict each other."));
    }
    if (people.contains("balance")) about_balance(people["balance"]);
  }

  void about_balance(const Json& balance) {
    for (const Json& division : balance["divisions"]) {
      for (const Json& name : division["unreachable"]) {
        add("class_unreachable", 80, text("No post can carry the share of ", name.get<std::string>(), "."));
      }
    }
    if (!balance["active"]) return;
    const double largest = balance["largest_repeat"], effective = balance["effective_share"];
    if (largest > 4)
      add("large_repeat", 55, text("Some posts are repeated ", fixed_decimals(largest, 1), " times an epoch."));
    if (effective < 0.5) {
      add("small_effective_size", 60,
          text("Balance makes the usable posts worth ", percent(effective), " of as many seen equally often."));
    }
  }

  void pair_finding(const char* code, int weight, double above, const Json& pair, const Verb& verb,
                    std::string_view what) {
    const int64_t posts = pair["posts"];
    if (part(posts, counted_) > above) add(code, weight, of(posts, counted_, "posts", verb, what));
  }

  void about_records() {
    if (counted_ == 0) return;
    const Json& licence = report_["licence"];
    pair_finding("without_artist", 45, 0.1, licence["without_artist"], {"names", "name"},
                 "no artist, who cannot be credited then.");
    pair_finding("without_tags", 50, 0.02, report_["posts"]["without_tags"], kHave, "no tags.");
    pair_finding("deleted", 25, 0.01, licence["deleted"], kAre, "deleted on the site.");
    pair_finding("pending", 15, 0.01, licence["pending"], {"waits", "wait"}, "for approval, flagged ones included.");
    for (const Json& year : report_["time"]["years"]) {
      if (year["year"].is_null()) pair_finding("without_date", 20, 0.1, year, kHave, "no date.");
    }
    pair_finding("without_rating", 30, 0.1, report_["time"]["ratings"].back(), kHave, "no rating.");
  }

  void about_exposure() {
    const Json& artists = report_["exposure"]["artist"];
    const double few = artists["top_1_percent"];
    if (artists["distinct"] >= 200 && few > 0.3) {
      add("artist_concentration", 35, text("1 % of the artists hold ", percent(few), " of what is seen of artists."));
    }
  }

  void about_plan() {
    const Json &captions = report_["captions"], &sizes = report_["sizes"];
    const int64_t samples = captions["samples"], truncated = captions["truncated"], empty = captions["empty"];
    if (part(truncated, samples) > 0.05) {
      add("truncated_captions", 50,
          text(percent(part(truncated, samples)), " of the captions are longer than max_token_length ",
               captions["max_token_length"].get<int64_t>(), ": their ends are not seen."));
    }
    if (part(empty, samples) > 0.2)
      add("empty_captions", 55, text(percent(part(empty, samples)), " of the captions are empty."));
    const double loss = sizes["crop_loss"]["mean"], waste = sizes["waste"];
    int64_t posts = 0;
    for (const Json& bucket : sizes["buckets"]) posts += bucket["posts"].get<int64_t>();
    const int64_t upscaled = sizes["scale"]["upscaled"];
    if (part(upscaled, posts) > 0.1) {
      add("upscaled", 40, text(percent(part(upscaled, posts)), " of the posts are enlarged to fill their bucket."));
    }
    if (loss > 0.1) add("crop_loss", 35, text("Cropping to buckets takes ", percent(loss), " of the area."));
    if (waste > 0.05) add("bucket_waste", 45, text("Batches are ", percent(waste), " empty: buckets of few posts."));
  }

  void about_duplicates() {
    if (report_["duplicates"]["method"] != "none") return;
    for (const Json& known : report_["duplicates"]["known"]) {
      const int64_t surplus = known["surplus"];
      if (surplus == 0) continue;
      const std::string by = known["by"];
      add("duplicates", 40,
          of(surplus, counted_, "posts", {"repeats", "repeat"},
             text("the ", by, " of another; dataset.select.dedup is none.")));
    }
  }

  const Json& report_;
  int64_t counted_, usable_;
  std::vector<Json> found_;
};

}  // namespace

std::string findings_section(const std::string& document) {
  const Json report = Json::parse(document);
  return json_text(Json(Findings(report).list()));
}

}  // namespace atelier
