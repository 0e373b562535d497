// The report on a terminal: read from the document, so that both sides of a comparison are read alike.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "configs/base/text.h"
#include "data/report/json_parts.h"
#include "data/report/report.h"
#include "data/report/text_table.h"

namespace atelier {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kTagsShown = 10, kBucketsShown = 12, kFindingsShown = 12, kBarWidth = 16, kYearsShown = 24;

/// As long as its share of `kBarWidth`; blank to the full width.
std::string bar(double share) {
  const auto length = static_cast<size_t>(std::clamp(share, 0.0, 1.0) * kBarWidth + 0.5);
  return std::string(length, '#') + std::string(kBarWidth - length, ' ');
}

double part(const Json& some, const Json& all) { return share_of(some.get<double>(), all.get<double>()); }

std::string count(const Json& number) { return grouped(number.get<int64_t>()); }

std::string posts_table(const Json& report) {
  const Json& posts = report["posts"];
  TextTable table({"Posts", "", "", ""});
  const auto line = [&](std::string name, const Json& number) {
    const double share = part(number, posts["read"]);
    table.add({std::move(name), count(number), percent(share), bar(share)});
  };
  line("read", posts["read"]);
  if (posts["excluded_minors"] != 0) line("  excluded: minors", posts["excluded_minors"]);
  for (const auto& [reason, samples] : posts["quarantined"].items()) line("  quarantined: " + reason, samples);
  line("counted below", posts["counted"]);
  for (const auto& [reason, rows] : posts["excluded"].items()) line("  left out: " + reason, rows);
  line("usable", posts["usable"]);
  return table.str();
}

/// Words of `sentence` in lines of the terminal's width, each below `indent` blanks.
std::string wrapped(const std::string& sentence, size_t indent) {
  std::string out, line;
  for (const std::string_view word : split_words(sentence)) {
    if (!line.empty() && indent + text_width(line) + 1 + text_width(word) > TextTable::kWidth) {
      out += std::string(indent, ' ') + line + "\n";
      line.clear();
    }
    line += (line.empty() ? "" : " ") + std::string(word);
  }
  return out + std::string(indent, ' ') + line + "\n";
}

std::string findings_list(const Json& report) {
  std::string out;
  size_t shown = 0;
  for (const Json& finding : report["findings"]) {
    if (++shown > kFindingsShown) break;
    std::string lines = wrapped(finding["text"], 10);
    const std::string severity = finding["severity"];
    out += lines.replace(0, severity.size() + 2, "  " + severity);
  }
  return out.empty() ? out : "Check these\n" + out;
}

std::string class_table(const Json& report) {
  TextTable table({"Person class", "posts", "share", "solo", "pair", "group", "usable"});
  for (const Json& each : report["people"]["classes"]) {
    if (each["posts"] == 0) continue;
    std::vector<std::string> cells = {each["class"], count(each["posts"]),
                                      percent(part(each["posts"], report["posts"]["counted"]))};
    for (const char* size : {"solo", "pair", "group"}) cells.push_back(count(each["group_size"][size]["posts"]));
    cells.push_back(count(each["usable"]));
    table.add(std::move(cells));
  }
  return table.empty() ? "" : table.str();
}

/// What balance makes of the classes.
std::string balance_table(const Json& report) {
  if (!report["people"].contains("balance")) return "";
  TextTable table({"Balance", "samples an epoch", "natural", "wanted", "reached", "repeats"});
  for (const Json& each : report["people"]["classes"]) {
    if (each["usable"] == 0) continue;
    table.add({each["class"], fixed_decimals(each["samples"], 1), percent(each["natural"]), percent(each["wanted"]),
               percent(each["reached"]), fixed_decimals(each["repeats"], 2)});
  }
  return table.str();
}

/// Pairs with a name each, the last `most`.
std::string pair_table(const std::string& title, const char* key, const Json& rows, const Json& report, size_t most) {
  TextTable table({title, "posts", "share", "usable", ""});
  std::vector<const Json*> shown;
  for (const Json& row : rows) {
    if (row["posts"] != 0) shown.push_back(&row);
  }
  for (size_t i = shown.size() > most ? shown.size() - most : 0; i < shown.size(); ++i) {
    const Json& row = *shown[i];
    const double share = part(row["posts"], report["posts"]["counted"]);
    const std::string name = row[key].is_null() ? "unknown" : row[key].is_string() ? row[key] : Json(row[key].dump());
    table.add({name, count(row["posts"]), percent(share), count(row["usable"]), bar(share)});
  }
  return table.empty() ? "" : table.str();
}

std::string tag_tables(const Json& report) {
  std::string out;
  for (const auto& [name, category] : report["tags"].items()) {
    if (category["distinct"] == 0) continue;
    const bool exposed = report.contains("exposure") && report["exposure"].contains(name);
    const std::string title =
        text(exposed ? "Seen: " : "Tags: ", name, " (", count(category["distinct"]), " different)");
    TextTable table(exposed ? std::vector<std::string>{title, "usable", "samples an epoch", "share"}
                            : std::vector<std::string>{title, "posts", "share", "usable"});
    const Json& rows = exposed ? report["exposure"][name]["top"] : category["top"];
    for (size_t i = 0; i < std::min(kTagsShown, rows.size()); ++i) {
      const Json& row = rows[i];
      if (exposed) {
        table.add({row["tag"], count(row["posts"]), fixed_decimals(row["samples"], 1),
                   percent(part(row["samples"], report["exposure"][name]["samples"]))});
      } else {
        table.add({row["tag"], count(row["posts"]), percent(part(row["posts"], report["posts"]["counted"])),
                   count(row["usable"])});
      }
    }
    out += (out.empty() ? "" : "\n") + table.str();
  }
  return out;
}

std::string tail_table(const Json& report) {
  TextTable table({"Rare tags (share of the category)", "below 25", "100", "1,000 posts"});
  for (const auto& [name, category] : report["tags"].items()) {
    if (category["distinct"] == 0) continue;
    std::vector<std::string> cells = {name};
    for (const Json& rare : category["rare"]) cells.push_back(percent(rare["share"]));
    table.add(std::move(cells));
  }
  return table.empty() ? "" : table.str();
}

std::string quantile_table(const Json& report) {
  TextTable table({"Quantiles", "posts", "min", "5 %", "25 %", "50 %", "75 %", "95 %", "max"});
  for (const auto& [name, quantiles] : report["quantiles"].items()) {
    if (quantiles["count"] == 0) continue;
    std::vector<std::string> cells = {name, count(quantiles["count"])};
    const int digits = name == "megapixels" || name == "aspect" ? 2 : 0;
    for (const std::string_view key : Quantiles::kKeys) {
      cells.push_back(fixed_decimals(quantiles[std::string(key)], digits));
    }
    table.add(std::move(cells));
  }
  return table.empty() ? "" : table.str();
}

/// The fullest buckets, and the rest as one line.
std::string bucket_table(const Json& report) {
  const Json& sizes = report["sizes"];
  if (!sizes.contains("buckets")) return "";
  std::vector<const Json*> buckets;
  for (const Json& bucket : sizes["buckets"]) buckets.push_back(&bucket);
  const auto samples_of = [](const Json* bucket) { return (*bucket)["samples"].get<double>(); };
  std::ranges::stable_sort(buckets, std::ranges::greater{}, samples_of);
  TextTable table({"Bucket", "posts", "samples an epoch", "crop", "fill", ""});
  int64_t rest_posts = 0;
  double rest = 0;
  const double all = report["posts"]["samples_per_epoch"];
  for (size_t i = 0; i < buckets.size(); ++i) {
    const Json& bucket = *buckets[i];
    if (i >= kBucketsShown) {
      rest_posts += bucket["posts"].get<int64_t>(), rest += samples_of(buckets[i]);
      continue;
    }
    table.add({text(bucket["width"].get<int>(), " x ", bucket["height"].get<int>()), count(bucket["posts"]),
               fixed_decimals(bucket["samples"], 1), percent(bucket["crop_loss"]), percent(bucket["fill"]),
               bar(share_of(samples_of(buckets[i]), all))});
  }
  if (rest_posts) {
    table.add({text(buckets.size() - kBucketsShown, " others"), grouped(rest_posts), fixed_decimals(rest, 1), "", "",
               bar(share_of(rest, all))});
  }
  table.add({"all", count(report["posts"]["usable"]), fixed_decimals(all, 1), percent(sizes["crop_loss"]["mean"]),
             percent(sizes["fill"]), bar(1)});
  return table.str();
}

std::string caption_table(const Json& report) {
  if (!report.contains("captions")) return "";
  const Json& captions = report["captions"];
  TextTable table({text("Tokens of ", count(captions["samples"]), " captions"), "captions", "share", ""});
  for (const Json& bin : captions["encoders"][0]["histogram"]) {
    if (bin["captions"] == 0) continue;
    const double share = part(bin["captions"], captions["samples"]);
    const std::string range = bin["to"].is_null() ? text(bin["from"].get<int>(), " and more")
                                                  : text(bin["from"].get<int>(), " - ", bin["to"].get<int>() - 1);
    table.add({range, count(bin["captions"]), percent(share), bar(share)});
  }
  table.add({"empty", count(captions["empty"]), percent(part(captions["empty"], captions["samples"])), ""});
  table.add({text("cut at ", captions["max_token_length"].get<int>()), count(captions["truncated"]),
             percent(part(captions["truncated"], captions["samples"])), ""});
  return table.str();
}

/// The main figures of one side; "-" for what it does not have.
std::vector<std::pair<std::string, std::string>> main_figures(const Json& report) {
  std::vector<std::pair<std::string, std::string>> figures;
  const auto add = [&](std::string name, const Json::json_pointer& path, auto form) {
    figures.emplace_back(std::move(name), report.contains(path) ? form(report[path]) : "-");
  };
  const auto as_percent = [](const Json& number) { return percent(number); };
  const auto as_decimal = [](const Json& number) { return fixed_decimals(number, 2); };
  const auto pointer = [](const std::string& path) { return Json::json_pointer(path); };
  for (const char* name : {"read", "counted", "usable", "tags"}) add(name, pointer(text("/posts/", name)), count);
  add("samples an epoch", pointer("/posts/samples_per_epoch"), as_decimal);
  for (size_t c = 0; c < kPersonClassCount; ++c) {
    const std::string place = text("/people/classes/", c, "/");
    const std::string name(kPersonClassNames[c]);
    add(name + ", usable", pointer(place + "usable"), count);
    add(name + ", reached", pointer(place + "reached"), as_percent);
  }
  add("effective posts", pointer("/people/balance/effective_posts"), as_decimal);
  add("largest repeat", pointer("/people/balance/largest_repeat"), as_decimal);
  add("artists", pointer("/tags/artist/distinct"), count);
  add("artists: share of the top 1 %", pointer("/exposure/artist/top_1_percent"), as_percent);
  add("artists: Gini", pointer("/exposure/artist/gini"), as_decimal);
  add("median megapixels", pointer("/quantiles/megapixels/p50"), as_decimal);
  add("crop loss", pointer("/sizes/crop_loss/mean"), as_percent);
  add("waste of batches", pointer("/sizes/waste"), as_percent);
  add("tokens of a caption, mean", pointer("/captions/encoders/0/mean"), as_decimal);
  add("captions looked at", pointer("/captions/samples"), count);
  add("captions cut", pointer("/captions/truncated"), count);
  return figures;
}

std::string comparison_table(const Json& report) {
  if (!report.contains("compare")) return "";
  TextTable table({"Compared", "this", "other"});
  const auto own = main_figures(report), other = main_figures(report["compare"]);
  for (size_t i = 0; i < own.size(); ++i) table.add({own[i].first, own[i].second, other[i].second});
  return table.str();
}

}  // namespace

std::string report_tables(std::string_view report_json) {
  const Json report = Json::parse(report_json);
  std::string out;
  for (const std::string& part_of_it :
       {posts_table(report), findings_list(report), comparison_table(report), class_table(report),
        balance_table(report), pair_table("Rating", "rating", report["time"]["ratings"], report, kRatingCount),
        pair_table("Year", "year", report["time"]["years"], report, kYearsShown), tag_tables(report),
        tail_table(report), quantile_table(report), bucket_table(report), caption_table(report)}) {
    if (!part_of_it.empty()) out += (out.empty() ? "" : "\n") + part_of_it;
  }
  return out;
}

}  // namespace atelier
