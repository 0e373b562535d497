#include "tools/atelier/inspect_report.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <future>
#include <nlohmann/json.hpp>
#include <set>

#include "configs/base/atomic_file.h"
#include "configs/base/error.h"
#include "configs/base/hash.h"
#include "configs/base/mapped_file.h"
#include "configs/base/text.h"

namespace atelier {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

constexpr std::string_view kIndexEnd = ".safetensors.index.json";

std::string value_or_empty(const std::map<std::string, std::string>& metadata, const std::string& key) {
  const auto found = metadata.find(key);
  return found == metadata.end() ? "" : found->second;
}

/// The family by what the trainers write.
std::string family_said(const std::map<std::string, std::string>& metadata) {
  struct Words {
    std::string_view begin, family;
  };
  static constexpr std::array kWords = {Words{"sdxl", "sdxl"},
                                        Words{"stable-diffusion-xl-v1-refiner", "sdxl-refiner"},
                                        Words{"stable-diffusion-xl", "sdxl"},
                                        Words{"sd_v1", "sd1"},
                                        Words{"sd_1", "sd1"},
                                        Words{"stable-diffusion-v1", "sd1"},
                                        Words{"sd_v2", "sd2"},
                                        Words{"sd_2", "sd2"},
                                        Words{"stable-diffusion-v2", "sd2"},
                                        Words{"sd3", "sd3"},
                                        Words{"stable-diffusion-3", "sd3"},
                                        Words{"flux", "flux"},
                                        Words{"lumina", "lumina2"},
                                        Words{"wan", "wan"}};
  for (const char* key : {"ss_base_model_version", "modelspec.architecture"}) {
    const std::string said = lower_ascii(value_or_empty(metadata, key));
    for (const Words& words : kWords) {
      if (said.starts_with(words.begin)) return std::string(words.family);
    }
  }
  return "";
}

/// ComfyUI's and ModelSpec's markers.
void note_prediction(const SafetensorsFile& file, FileReport& report) {
  const std::string said = value_or_empty(file.metadata(), "modelspec.prediction_type");
  const bool velocity = said == "v" || value_or_empty(file.metadata(), "ss_v_parameterization") == "True";
  if (said == "epsilon") report.prediction_type = "epsilon";
  if (velocity || file.find("v_pred")) report.prediction_type = "v_prediction";
  report.zero_terminal_snr = file.find("ztsnr") || value_or_empty(file.metadata(), "ss_zero_terminal_snr") == "True";
}

FileHashes hashes_of(const fs::path& path, const SafetensorsFile& file) {
  // Side by side: both read every byte, which the disk gives once.
  auto whole = std::async(std::launch::async, [&] { return sha256_hex(MappedFile(path).bytes()); });
  FileHashes hashes{.whole = "", .data = sha256_hex(file.data()), .data_as_said = std::nullopt};
  hashes.whole = whole.get();
  for (const char* key : {"modelspec.hash_sha256", "sshs_model_hash"}) {
    std::string said = lower_ascii(value_or_empty(file.metadata(), key));
    if (said.starts_with("0x")) said = said.substr(2);
    if (!said.empty()) hashes.data_as_said = hashes.data_as_said.value_or(true) && said == hashes.data;
  }
  return hashes;
}

void add_component(std::vector<std::pair<std::string, ComponentSize>>& components, const SafeTensorInfo& tensor) {
  const std::string name(component_of(tensor.name));
  auto found =
      std::find_if(components.begin(), components.end(), [&](const auto& entry) { return entry.first == name; });
  if (found == components.end()) found = components.insert(components.end(), {name, {}});
  ++found->second.tensors;
  found->second.parameters += tensor.element_count();
}

FileReport inspect_file(const fs::path& path, const std::string& shown_name, const InspectArguments& arguments) {
  const SafetensorsFile file(path);
  FileReport report;
  report.name = shown_name;
  report.kind = guess_kind(file);
  report.made_for = report.kind.family.empty() ? family_said(file.metadata()) : report.kind.family;
  report.tensors = static_cast<int64_t>(file.tensors().size());
  report.bytes = fs::file_size(path);
  report.adapter = adapter_summary(file);
  report.metadata = file.metadata();
  for (const SafeTensorInfo& tensor : file.tensors()) {
    report.parameters += tensor.element_count();
    ++report.dtypes[std::string(safe_dtype_name(tensor.dtype))];
    if (report.adapter.empty()) add_component(report.components, tensor);
  }
  std::erase_if(report.components, [](const auto& entry) { return entry.first.empty(); });
  note_prediction(file, report);
  if (arguments.hash) report.hashes = hashes_of(path, file);
  if (arguments.check) report.faults = find_faults(file);
  if (arguments.tensors) report.tensor_list = file.tensors();
  return report;
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

/// Files of a folder and of its component folders whose name ends so, by name.
std::vector<fs::path> files_under(const fs::path& folder, std::string_view end) {
  std::vector<fs::path> files;
  // Hubs' caches keep files, and people keep component folders, as links.
  auto entry = fs::recursive_directory_iterator(folder, fs::directory_options::follow_directory_symlink);
  for (; entry != fs::recursive_directory_iterator(); ++entry) {
    if (entry.depth() >= 1) entry.disable_recursion_pending();
    if (entry->is_regular_file() && entry->path().filename().string().ends_with(end)) files.push_back(entry->path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

/// WeightsError where an index lists a file that is not there.
void require_shards(const fs::path& index) {
  const Json content = Json::parse(read_file(index), nullptr, /*allow_exceptions=*/false);
  const bool sound = content.is_object() && content.contains("weight_map") && content["weight_map"].is_object();
  if (!sound) throw WeightsError("the index has no weight_map", index.string());
  std::set<std::string> missing;
  for (const auto& [tensor, shard] : content["weight_map"].items()) {
    const std::string name = shard.is_string() ? shard.get<std::string>() : shard.dump();
    if (!fs::exists(index.parent_path() / name)) missing.insert(name);
  }
  if (missing.empty()) return;
  throw WeightsError(
      text("the index lists files that are not there: ", join(std::vector(missing.begin(), missing.end()), ", ")),
      index.string(), "fetch them too");
}

ModelReport inspect_folder(const fs::path& folder, const InspectArguments& arguments) {
  ModelReport report;
  report.path = folder.string();
  report.is_pipeline = fs::exists(folder / "model_index.json");
  const fs::path config = folder / (report.is_pipeline ? "model_index.json" : "config.json");
  report.kind = report.is_pipeline ? "pipeline" : fs::exists(config) ? "component" : "folder";
  if (fs::exists(config)) report.class_name = class_in(config);
  if (report.is_pipeline) {
    for (const auto& entry : fs::directory_iterator(folder)) {
      const fs::path part = entry.path() / "config.json";
      if (fs::exists(part)) report.components[entry.path().filename().string()] = class_in(part);
    }
  }
  for (const fs::path& index : files_under(folder, kIndexEnd)) require_shards(index);
  for (const fs::path& file : files_under(folder, ".safetensors")) {
    report.files.push_back(inspect_file(file, file.lexically_relative(folder).string(), arguments));
  }
  if (report.files.empty() && !fs::exists(config)) {
    throw WeightsError("there is no model in this folder", folder.string(),
                       "give a .safetensors file, a component folder or a pipeline folder");
  }
  return report;
}

}  // namespace

int64_t ModelReport::parameters() const {
  int64_t sum = 0;
  for (const FileReport& file : files) sum += file.parameters;
  return sum;
}

ModelReport inspect_path(const InspectArguments& arguments) {
  const fs::path path = arguments.path;
  if (!fs::exists(path)) throw WeightsError("no such file or folder", path.string());
  if (fs::is_directory(path)) return inspect_folder(path, arguments);
  ModelReport report;
  report.path = path.string();
  report.files.push_back(inspect_file(path, path.filename().string(), arguments));
  report.kind = report.files.front().kind.id;
  return report;
}

}  // namespace atelier
