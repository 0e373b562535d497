#include "data/plan/repeats.h"

#include <cmath>

#include "configs/base/error.h"
#include "configs/base/text.h"

namespace atelier {
namespace {

__extension__ using Wide = unsigned __int128;

constexpr int kFractionBits = 40;

}  // namespace

Repeats::Repeats(double value) {
  if (!(value >= 0 && value <= kMaximum)) {
    throw ConfigError(text("a picture would be repeated ", value, " times an epoch"), "dataset.sources.repeats",
                      text("repeats, balance included, may be up to ", kMaximum));
  }
  fixed_ = static_cast<uint64_t>(std::ceil(std::ldexp(value, kFractionBits)));
}

double Repeats::value() const { return std::ldexp(static_cast<double>(fixed_), -kFractionBits); }

int64_t Repeats::total(int64_t posts, int64_t epochs) const {
  const Wide product = Wide{fixed_} * static_cast<uint64_t>(posts) * static_cast<uint64_t>(epochs);
  return static_cast<int64_t>(product >> kFractionBits);
}

}  // namespace atelier
