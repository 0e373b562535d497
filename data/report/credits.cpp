#include "data/report/credits.h"

#include <algorithm>

#include "configs/base/text.h"

namespace atelier {

std::vector<Credit> collect_credits(const Dataset& dataset, const std::vector<uint32_t>& uses) {
  const Manifest& manifest = dataset.manifest();
  std::vector<Credit> by_tag(static_cast<size_t>(manifest.dictionary().size()));
  const auto& rows = dataset.plan().strata().input().rows;
  for (size_t i = 0; i < rows.size(); ++i) {
    if (uses[i] == 0) continue;
    for (const int32_t tag : manifest.tags(rows[i], TagCategory::kArtist)) {
      Credit& credit = by_tag[static_cast<size_t>(tag)];
      ++credit.posts;
      credit.uses += uses[i];
    }
  }
  std::vector<Credit> credits;
  for (int32_t tag = 0; tag < manifest.dictionary().size(); ++tag) {
    Credit& credit = by_tag[static_cast<size_t>(tag)];
    if (credit.posts == 0) continue;
    credit.artist = manifest.dictionary().name(tag);
    credits.push_back(std::move(credit));
  }
  std::ranges::sort(credits, [](const Credit& a, const Credit& b) {
    return a.posts != b.posts ? a.posts > b.posts : a.artist < b.artist;
  });
  return credits;
}

std::string credits_table(const std::vector<Credit>& credits) {
  std::string table = "artist\tposts\tuses\n";
  for (const Credit& credit : credits) table += text(credit.artist, '\t', credit.posts, '\t', credit.uses, '\n');
  return table;
}

}  // namespace atelier
