#include "tools/common/arguments.h"

#include <CLI/CLI.hpp>
#include <vector>

#include "configs/base/dtype_names.h"
#include "configs/base/text.h"

namespace atelier {

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
  std::vector<std::string> names;
  for (const auto& [name, known] : kDtypeNames) names.emplace_back(name);
  const auto set = [&dtype](const std::string& name) { dtype = named_dtype(name); };
  app.add_option_function<std::string>("--dtype", set, help)->check(CLI::IsMember(names));
}

}  // namespace atelier
