#include "tools/common/arguments.h"

#include <CLI/CLI.hpp>
#include <map>

#include "configs/base/text.h"

namespace atelier {
namespace {

const std::map<std::string, SafeDtype> kWeightDtypes = {
    {"fp16", SafeDtype::kF16}, {"bf16", SafeDtype::kBF16}, {"fp32", SafeDtype::kF32}};

}  // namespace

CLI::Validator finite_range(double low, double high) {
  const std::string range = text(shortest(low), "..", shortest(high));
  const auto check = [=](const std::string& given) {
    double value = 0;
    const bool fits = CLI::detail::lexical_cast(given, value) && value >= low && value <= high;
    return fits ? std::string() : text("\"", given, "\" is not within ", range);
  };
  return CLI::Validator(check, range);
}

void add_dtype_option(CLI::App& app, std::optional<SafeDtype>& dtype, const std::string& help) {
  const auto set = [&dtype](const std::string& name) { dtype = kWeightDtypes.at(name); };
  app.add_option_function<std::string>("--dtype", set, help)->check(CLI::IsMember({"fp16", "bf16", "fp32"}));
}

}  // namespace atelier
