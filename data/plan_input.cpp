#include "configs/base/text.h"
#include "data/dataset.h"
#include "data/plan/numbering.h"
#include "data/post_classes.h"

namespace atelier {

PlanInput plan_input(const Manifest& manifest, const Selection& selection, const DatasetOptions& options) {
  PlanInput input;
  input.rows.resize(selection.rows.size());
  input.widths.resize(selection.rows.size()), input.heights.resize(selection.rows.size());
  input.source_of_row.resize(selection.rows.size());
  for_row_parts(input.size(), [&](int64_t begin, int64_t end) {
    for (auto i = static_cast<size_t>(begin); i < static_cast<size_t>(end); ++i) {
      const int64_t row = selection.rows[i];
      input.rows[i] = static_cast<uint32_t>(row);
      input.widths[i] = manifest.width(row), input.heights[i] = manifest.height(row);
      input.source_of_row[i] = static_cast<uint16_t>(manifest.source(row));
    }
  });
  input.sources.clear();
  for (const SourceOptions& source : options.sources) input.sources.push_back({source.repeats, source.is_reg});

  const BalanceOptions& balance = options.balance;
  input.marginals.push_back(classify_posts(manifest, selection.rows, balance, "dataset.balance"));
  for (size_t i = 0; i < balance.rake.size(); ++i) {
    const std::string where = text("dataset.balance.rake[", i, "]");
    input.marginals.push_back(classify_posts(manifest, selection.rows, balance.rake[i], where));
  }
  if (balance.repeat_factor.threshold) {
    input.rarest_tag_posts = rarest_tag_posts(manifest, selection.rows, balance.repeat_factor);
  }
  return input;
}

}  // namespace atelier
