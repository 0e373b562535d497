// The classes that balance divides posts into, read off the manifest.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "data/manifest/manifest.h"
#include "data/options/balance_options.h"
#include "data/plan/plan_input.h"

namespace atelier {

/// The classes of `options.by` and the class of each of `rows`. `where` is the option's place for messages.
/// ConfigError: a malformed tag expression, `by: classes` without classes or classes without it, a class named twice.
PlanInput::Marginal classify_posts(const Manifest& manifest, std::span<const int64_t> rows,
                                   const MarginalOptions& options, const std::string& where);

/// For each of `rows`, how many of `rows` carry the rarest of its tags that count for repeat factors; 0 if none does.
std::vector<uint32_t> rarest_tag_posts(const Manifest& manifest, std::span<const int64_t> rows,
                                       const RepeatFactorOptions& options);

}  // namespace atelier
