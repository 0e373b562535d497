#include "data/post/tag_rules.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "configs/base/atomic_file.h"
#include "configs/base/error.h"
#include "configs/base/hash.h"
#include "configs/base/resources.h"
#include "configs/base/text.h"

namespace atelier {
namespace {

/// A table of tab-separated texts whose first line names the columns; lines that begin with "# " are comments.
class Table {
 public:
  Table(std::string_view content, std::string where) : where_(std::move(where)) {
    if (content.starts_with("\xEF\xBB\xBF")) content.remove_prefix(3);
    for (int64_t line = 1; !content.empty(); ++line) {
      const size_t end = std::min(content.find('\n'), content.size());
      add_line(content.substr(0, end), line);
      content.remove_prefix(std::min(end + 1, content.size()));
    }
  }

  size_t size() const { return lines_.size(); }
  std::string_view at(size_t row, size_t column) const { return fields_[row * names_.size() + column]; }

  /// The first of `names` that is a column; nullopt if none is.
  std::optional<size_t> find(std::initializer_list<std::string_view> names) const {
    for (const std::string_view name : names) {
      const auto found = std::ranges::find(names_, name);
      if (found != names_.end()) return static_cast<size_t>(found - names_.begin());
    }
    return std::nullopt;
  }

  size_t column(std::initializer_list<std::string_view> names) const {
    if (const auto found = find(names)) return *found;
    throw ConfigError(text("the table has no column `", *names.begin(), "`"), where_,
                      "its first line names the columns, separated by tabs");
  }

  [[noreturn]] void fail(size_t row, const std::string& what) const { fail_line(lines_[row], what); }

 private:
  void add_line(std::string_view line, int64_t number) {
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty() || line.starts_with("# ")) return;
    if (names_.empty()) {
      names_ = split(line, '\t');
      return;
    }
    const size_t before = fields_.size();
    for (size_t end = 0; end != line.npos; line.remove_prefix(end == line.npos ? 0 : end + 1)) {
      end = line.find('\t');
      fields_.push_back(line.substr(0, end));
    }
    if (const size_t count = fields_.size() - before; count != names_.size()) {
      fail_line(number, text("has ", count, " columns, the first line ", names_.size()));
    }
    lines_.push_back(number);
  }

  [[noreturn]] void fail_line(int64_t line, const std::string& what) const {
    throw ConfigError("the row " + what, text(where_, ":", line), "correct the table");
  }

  std::string where_;
  std::vector<std::string_view> names_, fields_;  // row after row
  std::vector<int64_t> lines_;                    // of each row
};

/// antecedent -> consequent, of active rows, the oldest first. Danbooru's dumps call them antecedent_name and
/// consequent_name.
struct Relation {
  std::string antecedent, consequent;
  std::string_view updated;
};

std::vector<Relation> relations(const Table& table) {
  const size_t antecedent = table.column({"antecedent", "antecedent_name"}),
               consequent = table.column({"consequent", "consequent_name"});
  const std::optional<size_t> status = table.find({"status"}), updated = table.find({"updated", "updated_at"});
  std::vector<Relation> found;
  found.reserve(table.size());
  for (size_t row = 0; row < table.size(); ++row) {
    if (status && table.at(row, *status) != "active") continue;
    Relation relation{canonical_tag(table.at(row, antecedent)), canonical_tag(table.at(row, consequent)),
                      updated ? table.at(row, *updated) : std::string_view()};
    if (relation.antecedent.empty() || relation.consequent.empty()) table.fail(row, "lacks a name");
    if (relation.antecedent != relation.consequent) found.push_back(std::move(relation));
  }
  std::ranges::stable_sort(found, {}, &Relation::updated);
  return found;
}

TagCategory category_named(const Table& table, size_t row, std::string_view word) {
  const auto found = std::ranges::find(kTagCategoryNames, word);
  if (found != kTagCategoryNames.end()) return static_cast<TagCategory>(found - kTagCategoryNames.begin());
  constexpr std::array<std::pair<std::string_view, TagCategory>, 5> kNumbers = {{{"0", TagCategory::kGeneral},
                                                                                 {"1", TagCategory::kArtist},
                                                                                 {"3", TagCategory::kCopyright},
                                                                                 {"4", TagCategory::kCharacter},
                                                                                 {"5", TagCategory::kMeta}}};
  const auto number = std::ranges::find(kNumbers, word, &std::pair<std::string_view, TagCategory>::first);
  if (number == kNumbers.end()) {
    table.fail(row, text("has the unknown category `", word, "`: general, artist, copyright, character or meta"));
  }
  return number->second;
}

/// What an option names: nothing, the table that comes with the program, or a file.
std::optional<std::string> table_path(const std::string& option, std::string_view own) {
  if (option == "none") return std::nullopt;
  return option == "danbooru" ? resource_path(own).string() : option;
}

}  // namespace

TagRules::TagRules(const TagOptions& options) {
  ContentHasher hasher;
  const auto read = [&](const std::string& option, std::string_view own,
                        void (TagRules::*add)(const std::string&, const std::string&)) {
    const std::optional<std::string> path = table_path(option, own);
    const std::string content = path ? read_file(*path) : std::string();
    hasher.update_field(content);
    if (path) (this->*add)(content, *path);
  };
  read(options.aliases, "lists/tag_aliases.tsv", &TagRules::add_aliases);
  read(options.implications, "lists/tag_implications.tsv", &TagRules::add_implications);  // under resolved names
  read(options.categories, "lists/tag_categories.tsv", &TagRules::add_categories);
  hash_ = hasher.hex();
}

/// From the newest row to the oldest: one that would close a circle says the opposite of newer ones.
void TagRules::add_aliases(const std::string& table, const std::string& where) {
  std::vector<Relation> rows = relations(Table(table, where));
  aliases_.reserve(rows.size());
  for (auto row = rows.rbegin(); row != rows.rend(); ++row) {
    if (aliases_.contains(row->antecedent)) continue;
    if (resolve(row->consequent) == row->antecedent) continue;
    aliases_.emplace(std::move(row->antecedent), std::move(row->consequent));
  }
  // Chains end where they lead, so that resolving is one step.
  for (auto& [name, target] : aliases_) {
    const std::string_view end = resolve(target);
    if (end != target) target = std::string(end);
  }
}

std::string_view TagRules::resolve(std::string_view name) const {
  for (auto found = aliases_.find(name); found != aliases_.end(); found = aliases_.find(name)) name = found->second;
  return name;
}

void TagRules::add_implications(const std::string& table, const std::string& where) {
  ByName<std::vector<std::string>> direct;
  for (const Relation& row : relations(Table(table, where))) {
    direct[std::string(resolve(row.antecedent))].emplace_back(resolve(row.consequent));
  }
  for (const auto& [name, first] : direct) {
    std::vector<std::string>& all = implied_[name];
    const auto add = [&](const std::string& tag) {
      if (tag != name && std::ranges::find(all, tag) == all.end()) all.push_back(tag);
    };
    std::ranges::for_each(first, add);
    for (size_t i = 0; i < all.size(); ++i) {  // grows while it is walked
      const auto further = direct.find(all[i]);
      if (further != direct.end()) std::ranges::for_each(further->second, add);
    }
  }
}

std::span<const std::string> TagRules::implied(std::string_view name) const {
  const auto found = implied_.find(name);
  return found == implied_.end() ? std::span<const std::string>() : std::span<const std::string>(found->second);
}

void TagRules::add_categories(const std::string& content, const std::string& where) {
  const Table table(content, where);
  const size_t name = table.column({"name", "tag"}), category = table.column({"category"});
  categories_.reserve(table.size());
  for (size_t row = 0; row < table.size(); ++row) {
    categories_.insert_or_assign(std::string(resolve(canonical_tag(table.at(row, name)))),
                                 category_named(table, row, table.at(row, category)));
  }
}

std::optional<TagCategory> TagRules::category(std::string_view name) const {
  const auto found = categories_.find(name);
  return found == categories_.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace atelier
