#include "data/dedup/families.h"

#include <string>
#include <unordered_map>

#include "configs/base/text.h"
#include "data/dedup/components.h"

namespace atelier {
namespace {

/// Posts that are a parent or have one, numbered.
class KinNumbers {
 public:
  int64_t add(int32_t source, std::string_view id) {
    return numbers_.try_emplace(key(source, id), std::ssize(numbers_)).first->second;
  }
  int64_t find(int32_t source, std::string_view id) const {
    const auto found = numbers_.find(key(source, id));
    return found == numbers_.end() ? -1 : found->second;
  }
  int64_t size() const { return std::ssize(numbers_); }

 private:
  static std::string key(int32_t source, std::string_view id) { return text(source, '\n', id); }

  std::unordered_map<std::string, int64_t> numbers_;
};

}  // namespace

std::vector<int64_t> families_of(const Manifest& manifest, std::span<const int64_t> rows) {
  KinNumbers numbers;
  std::vector<std::pair<int64_t, int64_t>> kin;
  for (int64_t row = 0; row < manifest.size(); ++row) {
    const std::string_view parent = manifest.parent_id(row);
    if (parent.empty()) continue;
    const int32_t source = manifest.source(row);
    const int64_t child = numbers.add(source, manifest.id(row));
    kin.emplace_back(child, numbers.add(source, parent));
  }
  std::vector<int64_t> families(rows.size(), -1);
  if (kin.empty()) return families;
  Components components(numbers.size());
  for (const auto& [child, parent] : kin) components.join(child, parent);
  for (size_t i = 0; i < rows.size(); ++i) {
    const int64_t number = numbers.find(manifest.source(rows[i]), manifest.id(rows[i]));
    if (number >= 0) families[i] = components.first(number);
  }
  return families;
}

}  // namespace atelier
