// `model eval`: one forward, and one backward, of one component on given tensors.
#include <ATen/ATen.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "configs/base/error.h"
#include "configs/base/log.h"
#include "configs/base/text.h"
#include "models/weights/weights.h"
#include "tools/atelier_model/model_output.h"
#include "tools/atelier_model/verbs.h"

namespace atelier {
namespace {

struct Component {
  const char* name;
  EvalFunction eval;
};

constexpr Component kComponents[] = {
    {"unet", eval_unet},
    {"text-encoder", eval_text_encoder},
    {"text-encoder-2", eval_text_encoder_2},
    {"vae-encode", eval_vae_encode},
    {"vae-decode", eval_vae_decode},
};

struct EvalArguments {
  std::string component, path, inputs, out;
  std::vector<std::string> loras;
  bool grad = false, vae_slicing = false, vae_tiling = false;
};

NamedTensors read_inputs(const std::string& path) {
  const SafetensorsFile file(path);
  NamedTensors inputs;
  for (const SafeTensorInfo& info : file.tensors()) {
    const at::Tensor tensor = read_tensor(file, info);
    inputs[info.name] = tensor.is_floating_point() ? tensor.to(at::kFloat) : tensor.to(at::kLong);
  }
  return inputs;
}

void run_eval(const EvalArguments& arguments) {
  EvalOptions options{arguments.grad, arguments.vae_slicing, arguments.vae_tiling, {}};
  std::vector<std::filesystem::path> files = {arguments.path, arguments.inputs};
  for (const std::string& lora : arguments.loras) {
    options.loras.push_back(parse_lora(lora));
    files.emplace_back(options.loras.back().file);
  }
  require_file_place(arguments.out, files);
  const NamedTensors inputs = read_inputs(arguments.inputs);
  for (const Component& component : kComponents) {
    if (arguments.component != component.name) continue;
    const NamedTensors outputs = component.eval(arguments.path, inputs, options);
    write_tensors(arguments.out, {outputs.begin(), outputs.end()});
    log_info("wrote ", outputs.size(), " tensors to ", arguments.out);
    return;
  }
}

}  // namespace

const at::Tensor& eval_input(const NamedTensors& inputs, const std::string& name) {
  const auto found = inputs.find(name);
  if (found == inputs.end()) {
    throw ConfigError("the inputs lack the tensor " + name, "--inputs",
                      "docs/cli.md lists the tensors of each component");
  }
  return found->second;
}

void check_eval_shape(const NamedTensors& inputs, const std::string& name, const std::vector<int64_t>& wanted) {
  constexpr int64_t kAny = -1;
  const at::IntArrayRef shape = eval_input(inputs, name).sizes();
  const bool fits = shape.size() == wanted.size() &&
                    std::equal(shape.begin(), shape.end(), wanted.begin(),
                               [](int64_t is, int64_t want) { return is > 0 && (want == kAny || is == want); });
  if (!fits) {
    throw ConfigError(text(name, " has the shape ", shape, ", wanted ", at::IntArrayRef(wanted), " (-1: any)"));
  }
}

void eval_backward(const NamedTensors& inputs, const std::vector<std::pair<std::string, at::Tensor>>& outputs) {
  at::Tensor sum;
  for (const auto& [name, output] : outputs) {
    if (sum.defined() && !inputs.contains(name)) continue;
    check_eval_shape(inputs, name, output.sizes().vec());
    const at::Tensor product = (eval_input(inputs, name) * output).sum();
    sum = sum.defined() ? sum + product : product;
  }
  sum.backward();
}

at::Tensor eval_gradient(const at::Tensor& tensor) {
  return tensor.grad().defined() ? tensor.grad() : at::zeros_like(tensor);
}

Verb verb_eval() {
  const auto declare = [](CLI::App& app) {
    auto arguments = std::make_shared<EvalArguments>();
    std::vector<std::string> names;
    for (const Component& component : kComponents) names.emplace_back(component.name);
    app.add_option("COMPONENT", arguments->component, "what to run")->required()->check(CLI::IsMember(names));
    app.add_option("PATH", arguments->path, "component folder, pipeline folder or single file")->required();
    app.add_option("--inputs", arguments->inputs, "safetensors with the input tensors")->required();
    app.add_option("--out", arguments->out, "safetensors for the output tensors")->required();
    app.add_option("--lora", arguments->loras, "LoRA file and its weight; may be repeated")
        ->type_name("FILE[:WEIGHT]")
        ->allow_extra_args(false);
    app.add_flag("--grad", arguments->grad, "also the gradients of sum(cotangent * first output)");
    app.add_flag("--vae-slicing", arguments->vae_slicing, "the VAE takes one sample at a time");
    app.add_flag("--vae-tiling", arguments->vae_tiling, "the VAE takes tiles of its sample_size");
    return [arguments] { run_eval(*arguments); };
  };
  return {"model eval", "one forward, and with --grad one backward, of one component on given tensors", declare};
}

}  // namespace atelier
