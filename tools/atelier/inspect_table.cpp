// The table of `model inspect`.
#include <algorithm>
#include <cstdio>

#include "configs/base/text.h"
#include "tools/atelier/inspect_report.h"

namespace atelier {
namespace {

constexpr size_t kTableWidth = 80;
constexpr size_t kNameWidth = 14, kInnerNameWidth = 20;
constexpr size_t kMostFaults = 20;

/// `line`, cut to the table's width (in bytes, but never within a character). Control characters, which a file's
/// metadata may hold, become spaces.
void print_line(std::string line) {
  for (char& c : line) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = ' ';
  }
  if (line.size() > kTableWidth) {
    size_t end = kTableWidth - 3;
    while (end > 0 && (line[end] & 0xC0) == 0x80) --end;
    line = line.substr(0, end) + "...";
  }
  std::printf("%s\n", line.c_str());
}

void print_row(std::string_view name, const std::string& value, size_t width = kNameWidth) {
  std::string line(name);
  line.resize(std::max(line.size() + 1, width), ' ');
  print_line(line + value);
}

std::string shape_text(const std::vector<int64_t>& shape) {
  std::vector<std::string> sides;
  for (const int64_t side : shape) sides.push_back(std::to_string(side));
  return text('[', join(sides, ", "), ']');
}

/// "16 x 986, 8 x 4"
template <typename Key>
std::string counted(const std::map<Key, int64_t>& counts) {
  std::vector<std::string> parts;
  for (const auto& [key, count] : counts) {
    if constexpr (std::is_same_v<Key, double>) {
      parts.push_back(text(shortest(key), " x ", grouped(count)));
    } else {
      parts.push_back(text(key, " x ", grouped(count)));
    }
  }
  return join(parts, ", ");
}

void print_adapter(const AdapterSummary& adapter) {
  std::vector<std::string> parts;
  for (const auto& [name, count] : adapter.components) parts.push_back(text(name, ' ', grouped(count)));
  print_row("  modules", text(grouped(adapter.modules), " (", join(parts, ", "), ")"));
  if (adapter.algorithms.size() > 1) print_row("  algorithms", counted(adapter.algorithms));
  if (!adapter.ranks.empty()) print_row("  ranks", counted(adapter.ranks));
  if (!adapter.alphas.empty()) print_row("  alphas", counted(adapter.alphas));
}

void print_hashes(const FileHashes& hashes) {
  print_row("  hash", hashes.short_whole() + "  (AutoV2: checkpoints)");
  print_row("  data hash", hashes.short_data() + "  (AutoV3: LoRA)");
  print_row("  sha256", hashes.whole);
  print_row("  data sha256", hashes.data);
  if (hashes.data_as_said)
    print_row("  metadata", *hashes.data_as_said ? "their hash is right" : "their hash is wrong");
}

void print_faults(const std::vector<TensorFault>& faults) {
  print_row("  check", faults.empty() ? "every number is one" : text(faults.size(), " tensors hold NaN or infinity"));
  for (size_t i = 0; i < std::min(faults.size(), kMostFaults); ++i) {
    std::printf("    %s: %s NaN, %s infinite\n", faults[i].name.c_str(), grouped(faults[i].nan).c_str(),
                grouped(faults[i].infinite).c_str());
  }
  if (faults.size() > kMostFaults) print_line(text("    and ", faults.size() - kMostFaults, " more"));
}

void print_file(const FileReport& file) {
  print_line(file.name);
  print_row("  kind", file.kind.label);
  if (!file.made_for.empty()) print_row("  model", family_label(file.made_for));
  print_row("  tensors", grouped(file.tensors));
  print_row("  parameters", grouped(file.parameters));
  for (const auto& [name, size] : file.components) {
    print_row("    " + name, grouped(size.parameters), kInnerNameWidth);
  }
  print_row("  size", human_bytes(static_cast<double>(file.bytes)));
  print_row("  types", counted(file.dtypes));
  if (!file.adapter.empty()) print_adapter(file.adapter);
  if (!file.prediction_type.empty() || file.zero_terminal_snr) {
    print_row("  prediction", text(file.prediction_type.empty() ? "not said" : file.prediction_type,
                                   file.zero_terminal_snr ? ", zero terminal SNR" : ""));
  }
  if (file.hashes) print_hashes(*file.hashes);
  if (file.faults) print_faults(*file.faults);
  for (const auto& [key, value] : file.metadata) print_line(text("  ", key, " = ", value));
  for (const SafeTensorInfo& tensor : file.tensor_list) {
    // Names are what one greps for: these lines are never cut.
    std::printf("  %-5s %s %s\n", std::string(safe_dtype_name(tensor.dtype)).c_str(), tensor.name.c_str(),
                shape_text(tensor.shape).c_str());
  }
}

}  // namespace

void print_table(const ModelReport& model) {
  if (model.class_name) print_row(model.kind, *model.class_name);
  for (const auto& [name, class_name] : model.components) print_row("  " + name, class_name, kInnerNameWidth);
  if (model.files.size() > 1) print_row("parameters", grouped(model.parameters()));
  for (const FileReport& file : model.files) print_file(file);
}

}  // namespace atelier
