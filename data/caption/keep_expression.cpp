#include "data/caption/keep_expression.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <utility>

#include "configs/base/error.h"
#include "configs/base/text.h"

namespace atelier {

/// Recursive descent: sum -> product -> factor.
class KeepExpressionParser {
 public:
  KeepExpressionParser(std::string_view text, const std::string& where, KeepExpression& out)
      : text_(text), where_(where), out_(out) {}

  void parse() {
    out_.root_ = sum();
    if (peek()) fail(text("'", peek(), "' is not expected"));
  }

 private:
  using Kind = KeepExpression::Kind;
  static constexpr int kMaxDepth = 32;

  /// The next character that is no blank; 0 at the end.
  char peek() {
    while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_]))) ++at_;
    return at_ < text_.size() ? text_[at_] : '\0';
  }
  bool take(char wanted) {
    if (peek() != wanted) return false;
    ++at_;
    return true;
  }
  void expect(char wanted) {
    if (!take(wanted)) fail(text("'", wanted, "' is missing"));
  }

  size_t add(Kind kind, std::vector<size_t> operands, double number = 0) {
    out_.nodes_.push_back({kind, number, std::move(operands)});
    return out_.nodes_.size() - 1;
  }

  size_t sum() {
    if (++depth_ > kMaxDepth) fail("brackets are nested too deep");
    size_t left = product();
    while (true) {
      if (take('+')) {
        left = add(Kind::kAdd, {left, product()});
      } else if (take('-')) {
        left = add(Kind::kSubtract, {left, product()});
      } else {
        --depth_;
        return left;
      }
    }
  }

  size_t product() {
    size_t left = factor();
    while (true) {
      const char next = peek();
      if (take('*')) {
        left = add(Kind::kMultiply, {left, factor()});
      } else if (take('/')) {
        left = add(Kind::kDivide, {left, factor()});
      } else if (next == '(' || std::isalnum(static_cast<unsigned char>(next))) {
        left = add(Kind::kMultiply, {left, factor()});
      } else {
        return left;
      }
    }
  }

  size_t factor() {
    const char next = peek();
    if (take('(')) {
      const size_t inner = sum();
      expect(')');
      return inner;
    }
    if (std::isdigit(static_cast<unsigned char>(next)) || next == '.') return number();
    if (std::isalpha(static_cast<unsigned char>(next))) return word();
    fail(next ? text("'", next, "' is not expected") : "the expression ends too early");
  }

  size_t number() {
    double value = 0;
    const char* end = text_.data() + text_.size();
    const auto [rest, error] = std::from_chars(text_.data() + at_, end, value, std::chars_format::fixed);
    if (error != std::errc()) fail("not a number");
    at_ = static_cast<size_t>(rest - text_.data());
    return add(Kind::kNumber, {}, value);
  }

  size_t word() {
    size_t end = at_;
    while (end < text_.size() && std::isalpha(static_cast<unsigned char>(text_[end]))) ++end;
    const std::string_view name = text_.substr(at_, end - at_);
    const size_t begin = std::exchange(at_, end);
    if (name == "n") return add(Kind::kCount, {});
    if (name == "rate") return add(Kind::kRate, {});
    if (name == "U") return add(Kind::kUniform, {});
    if (name == "min") return call(Kind::kMin, 2, 16);
    if (name == "max") return call(Kind::kMax, 2, 16);
    if (name == "floor") return call(Kind::kFloor, 1, 1);
    if (name == "randint") return call(Kind::kRandint, 2, 2);
    at_ = begin;
    fail(text("'", name, "' is unknown; known are n, rate, U, min, max, floor, randint"));
  }

  size_t call(Kind kind, size_t least, size_t most) {
    expect('(');
    std::vector<size_t> operands = {sum()};
    while (take(',')) operands.push_back(sum());
    expect(')');
    if (operands.size() < least || operands.size() > most) {
      fail(text("the function takes ", least == most ? "" : "at least ", least, least == 1 ? " value" : " values"));
    }
    return add(kind, std::move(operands));
  }

  [[noreturn]] void fail(const std::string& what) const {
    throw ConfigError(text("the expression \"", text_, "\": ", what, ", at character ", at_ + 1), where_,
                      "such as \"max(0.3n, 10)\", \"randint(1, 5)\" or \"n(1 - rate*U)\"");
  }

  template <typename... Parts>
  static std::string text(const Parts&... parts) {
    return atelier::text(parts...);
  }

  std::string_view text_;
  const std::string& where_;
  KeepExpression& out_;
  size_t at_ = 0;
  int depth_ = 0;
};

namespace {

/// Both ends included.
double random_integer(double low, double high, CounterRng& draws) {
  constexpr double kMost = 1e9;
  low = std::ceil(low), high = std::floor(high);
  if (!(high > low) || high - low > kMost) return low;
  return low + static_cast<double>(draws.below(static_cast<uint64_t>(high - low) + 1));
}

}  // namespace

KeepExpression::KeepExpression(std::string_view text, const std::string& where) {
  KeepExpressionParser(text, where, *this).parse();
}

int64_t KeepExpression::operator()(int64_t n, double rate, CounterRng& draws) const {
  const double wanted = value(root_, static_cast<double>(n), rate, draws);
  if (!(wanted > 0)) return 0;  // negative, or 0 / 0
  return static_cast<int64_t>(std::min(std::floor(wanted), static_cast<double>(n)));
}

double KeepExpression::value(size_t node, double n, double rate, CounterRng& draws) const {
  const Node& at = nodes_[node];
  std::array<double, 2> operand{};  // of min and max: the best so far, and one more; draws come from left to right
  for (size_t i = 0; i < at.operands.size(); ++i) {
    const double next = value(at.operands[i], n, rate, draws);
    if (i < 2) operand[i] = next;
    if (at.kind == Kind::kMin) operand[0] = std::min(operand[0], next);
    if (at.kind == Kind::kMax) operand[0] = std::max(operand[0], next);
  }
  switch (at.kind) {
    case Kind::kNumber: return at.number;
    case Kind::kCount: return n;
    case Kind::kRate: return rate;
    case Kind::kUniform: return draws.uniform();
    case Kind::kAdd: return operand[0] + operand[1];
    case Kind::kSubtract: return operand[0] - operand[1];
    case Kind::kMultiply: return operand[0] * operand[1];
    case Kind::kDivide: return operand[0] / operand[1];
    case Kind::kFloor: return std::floor(operand[0]);
    case Kind::kMin:
    case Kind::kMax: return operand[0];
    case Kind::kRandint: return random_integer(operand[0], operand[1], draws);
  }
  return 0;
}

}  // namespace atelier
