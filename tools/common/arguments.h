// Options and checks that several verbs share.
#pragma once

#include <optional>
#include <string>

#include "configs/base/safetensors.h"

namespace CLI {
class App;
class Validator;
}  // namespace CLI

namespace atelier {

/// Within low..high, and a number: CLI11's own range lets nan through.
CLI::Validator finite_range(double low, double high);

/// --dtype fp16|bf16|fp32. What is not given leaves `dtype`, which must outlive `app`, as it is.
void add_dtype_option(CLI::App& app, std::optional<SafeDtype>& dtype, const std::string& help);

}  // namespace atelier
