#include "data/plan/row_repeats.h"

#include <algorithm>
#include <cmath>
#include <span>

#include "data/balance/levels.h"
#include "data/plan/numbering.h"

namespace atelier {
namespace {

/// Cells of the rows: those that have the same classes, and the same rarest tag's posts. The divisions are folded in
/// one after another: what they have told apart so far is one number.
struct CellsOfRows {
  BalanceCells cells;
  std::vector<uint32_t> cell_of_row;
  std::vector<uint32_t> rarest_of_cell;

  explicit CellsOfRows(const PlanInput& input) : cell_of_row(input.rows.size(), 0) {
    size_t count = input.rows.empty() ? 0 : 1;
    for (const PlanInput::Marginal& marginal : input.marginals) {
      cells.marginals.push_back({marginal.by, marginal.classes, {}});
      count = fold(marginal.class_of_row, count);
    }
    if (!input.rarest_tag_posts.empty()) count = fold(input.rarest_tag_posts, count);
    count_posts(input, count);
  }

 private:
  size_t fold(const std::vector<uint32_t>& column, size_t count) {
    if (count == 0) return 0;
    Numbering numbering =
        number_rows(static_cast<int64_t>(column.size()), [&](int64_t begin, std::span<uint64_t> keys) {
          for (size_t i = 0; i < keys.size(); ++i) {
            const size_t row = static_cast<size_t>(begin) + i;
            keys[i] = static_cast<uint64_t>(cell_of_row[row]) << 32 | column[row];
          }
        });
    cell_of_row = std::move(numbering.number_of_row);
    return numbering.keys.size();
  }

  /// Posts and classes of the cells, read off their rows.
  void count_posts(const PlanInput& input, size_t count) {
    cells.posts.assign(count, 0);
    std::vector<uint32_t> row_of_cell(count);
    const bool any_reg = std::ranges::any_of(input.sources, [](const PlanSource& source) { return source.is_reg; });
    for (size_t row = 0; row < cell_of_row.size(); ++row) {
      row_of_cell[cell_of_row[row]] = static_cast<uint32_t>(row);
      cells.posts[cell_of_row[row]] += !any_reg || !input.is_reg(row);
    }
    for (size_t m = 0; m < input.marginals.size(); ++m) {
      for (uint32_t row : row_of_cell) {
        cells.marginals[m].class_of_cell.push_back(input.marginals[m].class_of_row[row]);
      }
    }
    if (input.rarest_tag_posts.empty()) return;
    for (uint32_t row : row_of_cell) rarest_of_cell.push_back(input.rarest_tag_posts[row]);
  }
};

/// max(1, sqrt(t / f)), f = posts / all.
std::vector<double> repeat_factors(const CellsOfRows& rows, double threshold) {
  double all = 0;
  for (int64_t posts : rows.cells.posts) all += static_cast<double>(posts);
  std::vector<double> factors;
  for (uint32_t rarest : rows.rarest_of_cell) {
    factors.push_back(rarest > 0 ? std::max(1.0, std::sqrt(threshold * all / rarest)) : 1);
  }
  return factors;
}

}  // namespace

RowRepeats::RowRepeats(const PlanInput& input, const BalanceOptions& options)
    : weighted_(options.active() && options.apply == "loss_weight"),
      sources_(input.sources.size()),
      source_of_row_(input.source_of_row) {
  CellsOfRows rows(input);
  if (options.repeat_factor.threshold) rows.cells.factors = repeat_factors(rows, *options.repeat_factor.threshold);
  balance_ = balance_cells(rows.cells, options);
  const Levels levels = make_levels(balance_.repeats, rows.cells.posts);
  level_of_row_.resize(input.rows.size());
  for_row_parts(input.size(), [&](int64_t begin, int64_t end) {
    for (auto row = static_cast<size_t>(begin); row < static_cast<size_t>(end); ++row) {
      level_of_row_[row] = levels.level_of_cell[rows.cell_of_row[row]];
    }
  });
  fill_kinds(input, levels.repeats);
}

void RowRepeats::fill_kinds(const PlanInput& input, const std::vector<double>& level_repeats) {
  for (double repeats : level_repeats) {
    for (const PlanSource& source : input.sources) {
      const double balanced = source.is_reg || (weighted_ && repeats > 0) ? 1 : repeats;
      uses_.push_back(balanced * source.repeats);
      weights_.push_back(weighted_ && !source.is_reg ? repeats : 1);
    }
  }
  double samples = 0, reg_samples = 0;
  if (std::ranges::none_of(input.sources, &PlanSource::is_reg)) return;
  for (int64_t row = 0; row < input.size(); ++row) {
    (input.is_reg(static_cast<size_t>(row)) ? reg_samples : samples) += uses(row);
  }
  if (reg_samples <= 0) return;
  for (size_t kind = 0; kind < uses_.size(); ++kind) {
    if (input.sources[kind % sources_].is_reg) uses_[kind] *= samples / reg_samples;
  }
}

}  // namespace atelier
