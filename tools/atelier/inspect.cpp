// `model inspect`: what is inside a weight file or a model folder.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <map>
#include <nlohmann/json.hpp>

#include "configs/base/atomic_file.h"
#include "configs/base/error.h"
#include "configs/base/hash.h"
#include "configs/base/mapped_file.h"
#include "configs/base/safetensors.h"
#include "configs/base/text.h"
#include "models/keys/adapter_file.h"
#include "models/keys/model_kind.h"
#include "tools/atelier/verbs.h"

namespace atelier {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr size_t kTableWidth = 80;
constexpr size_t kShortHashDigits = 10;  // what the web UIs show of a file's SHA-256 ("AutoV2")

struct InspectArguments {
  std::string path;
  bool json = false, hash = false, tensors = false;
};

std::string shape_text(const std::vector<int64_t>& shape) {
  std::vector<std::string> sides;
  for (const int64_t side : shape) sides.push_back(std::to_string(side));
  return text('[', join(sides, ", "), ']');
}

Json inspect_file(const fs::path& path, const std::string& shown_name, const InspectArguments& arguments) {
  const SafetensorsFile file(path);
  const ModelKind kind = guess_kind(file);
  int64_t parameters = 0;
  std::map<std::string, int64_t> dtypes;
  for (const SafeTensorInfo& tensor : file.tensors()) {
    parameters += tensor.element_count();
    ++dtypes[std::string(safe_dtype_name(tensor.dtype))];
  }
  Json result = {{"file", shown_name},       {"kind", kind.id},
                 {"label", kind.label},      {"tensors", file.tensors().size()},
                 {"parameters", parameters}, {"bytes", fs::file_size(path)},
                 {"dtypes", dtypes},         {"metadata", file.metadata()}};
  const AdapterSummary adapter = adapter_summary(file);
  for (const auto& [rank, modules] : adapter.ranks) result["ranks"].push_back(rank);
  if (arguments.hash) {
    const std::string digest = sha256_hex(MappedFile(path).bytes());
    result["sha256"] = digest;
    result["short_hash"] = digest.substr(0, kShortHashDigits);
  }
  if (arguments.tensors) {
    Json list = Json::array();
    for (const SafeTensorInfo& tensor : file.tensors()) {
      list.push_back({{"name", tensor.name}, {"dtype", safe_dtype_name(tensor.dtype)}, {"shape", tensor.shape}});
    }
    result["tensor_list"] = std::move(list);
  }
  return result;
}

/// The class that model_index.json or config.json names; empty if there is none.
std::string class_in(const fs::path& file) {
  const Json content = Json::parse(read_file(file), nullptr, /*allow_exceptions=*/false);
  if (!content.is_object()) throw WeightsError("not a JSON object", file.string());
  const Json& name = content.contains("_class_name") ? content["_class_name"]
                     : content.contains("architectures") && !content["architectures"].empty()
                         ? content["architectures"][0]
                         : Json();
  return name.is_string() ? name.get<std::string>() : "";
}

/// Every safetensors file of a folder and its component folders, by name.
std::vector<fs::path> weight_files_under(const fs::path& folder) {
  std::vector<fs::path> files;
  for (auto entry = fs::recursive_directory_iterator(folder); entry != fs::recursive_directory_iterator(); ++entry) {
    if (entry.depth() >= 1) entry.disable_recursion_pending();
    if (entry->is_regular_file() && entry->path().extension() == ".safetensors") files.push_back(entry->path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

Json inspect_folder(const fs::path& folder, const InspectArguments& arguments) {
  const bool pipeline = fs::exists(folder / "model_index.json");
  const fs::path config = folder / (pipeline ? "model_index.json" : "config.json");
  Json result = {{"path", folder.string()},
                 {"kind", pipeline             ? "pipeline"
                          : fs::exists(config) ? "component"
                                               : "folder"}};
  if (fs::exists(config)) result["class"] = class_in(config);
  if (pipeline) {
    Json components = Json::object();
    for (const auto& entry : fs::directory_iterator(folder)) {
      const fs::path part = entry.path() / "config.json";
      if (fs::exists(part)) components[entry.path().filename().string()] = class_in(part);
    }
    result["components"] = std::move(components);
  }
  result["files"] = Json::array();
  for (const fs::path& file : weight_files_under(folder)) {
    result["files"].push_back(inspect_file(file, fs::relative(file, folder).string(), arguments));
  }
  if (result["files"].empty() && !fs::exists(config)) {
    throw WeightsError("there is no model in this folder", folder.string(),
                       "give a .safetensors file, a component folder or a pipeline folder");
  }
  return result;
}

Json inspect_path(const InspectArguments& arguments) {
  const fs::path path = arguments.path;
  if (!fs::exists(path)) throw WeightsError("no such file or folder", path.string());
  if (fs::is_directory(path)) return inspect_folder(path, arguments);
  Json file = inspect_file(path, path.filename().string(), arguments);
  Json result = {{"path", path.string()}, {"kind", file["kind"]}};
  result["files"] = Json::array({std::move(file)});
  return result;
}

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

void print_row(std::string_view name, const std::string& value) {
  std::string line(name);
  line.resize(std::max<size_t>(line.size() + 1, 14), ' ');
  print_line(line + value);
}

std::string listed_dtypes(const Json& dtypes) {
  std::vector<std::string> parts;
  for (const auto& [name, count] : dtypes.items()) parts.push_back(text(name, " x ", grouped(count.get<int64_t>())));
  return join(parts, ", ");
}

void print_file(const Json& file) {
  print_line(file["file"].get<std::string>());
  print_row("  kind", file["label"].get<std::string>());
  print_row("  tensors", grouped(file["tensors"].get<int64_t>()));
  print_row("  parameters", grouped(file["parameters"].get<int64_t>()));
  print_row("  size", human_bytes(file["bytes"].get<double>()));
  print_row("  types", listed_dtypes(file["dtypes"]));
  if (file.contains("ranks")) print_row("  ranks", file["ranks"].dump());
  if (file.contains("sha256")) {
    print_row("  hash", file["short_hash"].get<std::string>());
    print_row("  sha256", file["sha256"].get<std::string>());
  }
  for (const auto& [key, value] : file["metadata"].items())
    print_line(text("  ", key, " = ", value.get<std::string>()));
  if (!file.contains("tensor_list")) return;
  for (const Json& tensor : file["tensor_list"]) {
    // Names are what one greps for: these lines are never cut.
    std::printf("  %-5s %s %s\n", tensor["dtype"].get<std::string>().c_str(), tensor["name"].get<std::string>().c_str(),
                shape_text(tensor["shape"].get<std::vector<int64_t>>()).c_str());
  }
}

void print_table(const Json& model) {
  if (model.contains("class")) print_row(model["kind"].get<std::string>(), model["class"].get<std::string>());
  if (model.contains("components")) {
    for (const auto& [name, class_name] : model["components"].items()) {
      print_row(text("  ", name), " " + class_name.get<std::string>());
    }
  }
  for (const Json& file : model["files"]) print_file(file);
}

void run_inspect(const InspectArguments& arguments) {
  const Json model = inspect_path(arguments);
  if (arguments.json) {
    std::printf("%s\n", model.dump(2, ' ', false, Json::error_handler_t::replace).c_str());
  } else {
    print_table(model);
  }
}

}  // namespace

Verb verb_inspect() {
  return {
      "model inspect", "what is inside a weight file or model folder", [](CLI::App& app) {
        auto arguments = std::make_shared<InspectArguments>();
        app.add_option("PATH", arguments->path, ".safetensors file, component folder or pipeline folder")->required();
        app.add_flag("--json", arguments->json, "one JSON object");
        app.add_flag("--hash", arguments->hash, "SHA-256, as the web UIs show it (reads every byte)");
        app.add_flag("--tensors", arguments->tensors, "every tensor's name, type and shape");
        return [arguments] { run_inspect(*arguments); };
      }};
}

}  // namespace atelier
