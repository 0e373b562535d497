// `model inspect`: what is inside a weight file or a model folder.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "configs/base/error.h"
#include "configs/base/text.h"
#include "tools/atelier/inspect_report.h"
#include "tools/atelier/verbs.h"

namespace atelier {
namespace {

using Json = nlohmann::ordered_json;

/// {"16": 986}: JSON's keys are strings.
template <typename Key>
Json counts_json(const std::map<Key, int64_t>& counts) {
  Json object = Json::object();
  for (const auto& [key, count] : counts) object[text(key)] = count;
  return object;
}

Json adapter_json(const AdapterSummary& adapter) {
  Json alphas = Json::object();
  for (const auto& [alpha, count] : adapter.alphas) alphas[shortest(alpha)] = count;
  return {{"algorithm", adapter.algorithm},
          {"naming", adapter.naming},
          {"modules", adapter.modules},
          {"algorithms", counts_json(adapter.algorithms)},
          {"components", counts_json(adapter.components)},
          {"ranks", counts_json(adapter.ranks)},
          {"alphas", std::move(alphas)}};
}

Json faults_json(const std::vector<TensorFault>& faults) {
  Json list = Json::array();
  for (const TensorFault& fault : faults) {
    list.push_back({{"name", fault.name}, {"nan", fault.nan}, {"infinite", fault.infinite}});
  }
  return list;
}

void add_hashes(Json& result, const FileHashes& hashes) {
  result["sha256"] = hashes.whole;
  result["short_hash"] = hashes.short_whole();
  result["data_sha256"] = hashes.data;
  result["short_data_hash"] = hashes.short_data();
  if (hashes.data_as_said) result["metadata_hash_is_right"] = *hashes.data_as_said;
}

Json file_json(const FileReport& file, const InspectArguments& arguments) {
  Json result = {{"file", file.name},        {"kind", file.kind.id},
                 {"label", file.kind.label}, {"model", file.made_for.empty() ? Json() : Json(file.made_for)},
                 {"tensors", file.tensors},  {"parameters", file.parameters},
                 {"bytes", file.bytes},      {"dtypes", counts_json(file.dtypes)},
                 {"metadata", file.metadata}};
  for (const auto& [name, size] : file.components) {
    result["components"][name] = {{"tensors", size.tensors}, {"parameters", size.parameters}};
  }
  if (!file.adapter.empty()) result["adapter"] = adapter_json(file.adapter);
  if (!file.prediction_type.empty()) result["prediction_type"] = file.prediction_type;
  if (file.zero_terminal_snr) result["zero_terminal_snr"] = true;
  if (file.hashes) add_hashes(result, *file.hashes);
  if (file.faults) result["faults"] = faults_json(*file.faults);
  if (!arguments.tensors) return result;
  Json list = Json::array();
  for (const SafeTensorInfo& tensor : file.tensor_list) {
    list.push_back({{"name", tensor.name}, {"dtype", safe_dtype_name(tensor.dtype)}, {"shape", tensor.shape}});
  }
  result["tensor_list"] = std::move(list);
  return result;
}

void print_json(const ModelReport& model, const InspectArguments& arguments) {
  Json result = {{"path", model.path}, {"kind", model.kind}};
  if (model.class_name) result["class"] = *model.class_name;
  if (model.is_pipeline) result["components"] = model.components;
  result["parameters"] = model.parameters();
  result["files"] = Json::array();
  for (const FileReport& file : model.files) result["files"].push_back(file_json(file, arguments));
  std::printf("%s\n", result.dump(2, ' ', false, Json::error_handler_t::replace).c_str());
}

/// WeightsError where --check found something: a script sees it in the exit code.
void require_numbers(const ModelReport& model) {
  for (const FileReport& file : model.files) {
    if (!file.faults || file.faults->empty()) continue;
    const TensorFault& first = file.faults->front();
    throw WeightsError(text(file.faults->size(), " tensors hold numbers that are none (NaN or infinite)"),
                       text(file.name, ": ", first.name), "the file is damaged, or its training diverged");
  }
}

void run_inspect(const InspectArguments& arguments) {
  const ModelReport model = inspect_path(arguments);
  arguments.json ? print_json(model, arguments) : print_table(model);
  std::fflush(stdout);
  require_numbers(model);
}

}  // namespace

Verb verb_inspect() {
  return {
      "model inspect", "what is inside a weight file or model folder", [](CLI::App& app) {
        auto arguments = std::make_shared<InspectArguments>();
        app.add_option("PATH", arguments->path, ".safetensors file, component folder or pipeline folder")->required();
        app.add_flag("--json", arguments->json, "one JSON object");
        app.add_flag("--hash", arguments->hash, "SHA-256, as the web UIs show it (reads every byte)");
        app.add_flag("--check", arguments->check, "search for NaN and infinity (reads every byte); exit code 2 if any");
        app.add_flag("--tensors", arguments->tensors, "every tensor's name, type and shape");
        return [arguments] { run_inspect(*arguments); };
      }};
}

}  // namespace atelier
