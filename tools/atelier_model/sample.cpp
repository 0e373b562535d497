// `sample`: pictures from prompts.
#include <ATen/ATen.h>

#include <CLI/CLI.hpp>
#include <cmath>
#include <cstdio>
#include <limits>

#include "configs/base/error.h"
#include "configs/base/interrupt.h"
#include "configs/base/progress.h"
#include "configs/base/text.h"
#include "models/clip/clip_text_model.h"
#include "models/device.h"
#include "models/image_io/grid.h"
#include "models/image_io/png.h"
#include "models/pipeline/stable_diffusion_xl.h"
#include "models/schedulers/samplers.h"
#include "models/unet/unet_2d_condition.h"
#include "models/weights/weights.h"
#include "tools/atelier_model/lora_argument.h"
#include "tools/atelier_model/verbs.h"
#include "trainer/prompting/prompt_encoder.h"
#include "trainer/prompting/prompts.h"

namespace atelier {
namespace {

namespace fs = std::filesystem;

struct SampleArguments {
  std::string model, vae, negative_prompt, prompts_file, noise_file, out = "sample.png", device = "auto";
  std::vector<std::string> prompts, loras;
  int64_t seed = 0, count = 1, batch_size = 4, columns = 0;
  GenerateOptions generate;
};

/// One picture to make.
struct Shot {
  std::string prompt;
  uint64_t seed;
};

/// The tensor `noise` [pictures, C, h, w] of a safetensors file.
at::Tensor read_noise(const fs::path& path, size_t pictures) {
  const SafetensorsFile file(path);
  const SafeTensorInfo* info = file.find("noise");
  if (!info || info->shape.size() != 4 || info->shape[0] != static_cast<int64_t>(pictures)) {
    throw ConfigError(text("wanted a tensor \"noise\" of shape [", pictures, ", C, h, w]"), path.string());
  }
  return read_tensor(file, *info).to(at::kFloat);
}

std::vector<Shot> list_shots(const SampleArguments& arguments) {
  std::vector<std::string> prompts = arguments.prompts;
  if (!arguments.prompts_file.empty()) {
    for (std::string& prompt : read_prompts(arguments.prompts_file)) prompts.push_back(std::move(prompt));
  }
  if (prompts.empty()) throw ConfigError("there is nothing to draw", "command line", "give --prompt or --prompts");
  std::vector<Shot> shots;
  for (const std::string& prompt : prompts) {
    for (int64_t i = 0; i < arguments.count; ++i) shots.push_back({prompt, static_cast<uint64_t>(arguments.seed + i)});
  }
  return shots;
}

std::vector<LoraTarget> lora_targets(StableDiffusionXL& model) {
  std::vector<LoraTarget> targets = {{model.unet.get(), unet_lora_naming(model.unet->options())}};
  if (model.text_encoder) targets.push_back({model.text_encoder.get(), text_encoder_lora_naming(1)});
  if (model.text_encoder_2) targets.push_back({model.text_encoder_2.get(), text_encoder_lora_naming(2)});
  return targets;
}

/// [B, H, W, 3] u8 -> one picture each.
void append_pictures(const at::Tensor& pixels, std::vector<HostPicture>& pictures) {
  for (const at::Tensor& picture : pixels.unbind(0)) {
    const uint8_t* data = picture.const_data_ptr<uint8_t>();
    pictures.push_back({picture.size(1), picture.size(0), {data, data + picture.numel()}});
  }
}

std::vector<HostPicture> generate_all(const StableDiffusionXL& model, const SampleArguments& arguments,
                                      const std::vector<Shot>& shots, at::Device device) {
  const at::NoGradGuard no_grad;
  const PromptEncoder encoder(model, device, /*warn_of_cuts=*/true);
  const auto total = static_cast<int64_t>(shots.size());
  Progress progress("sample", total * arguments.generate.steps, "steps");
  std::vector<HostPicture> pictures;
  for (int64_t begin = 0; begin < total; begin += arguments.batch_size) {
    const int64_t end = std::min(begin + arguments.batch_size, total);
    std::vector<std::string> prompts, negatives;
    std::vector<uint64_t> seeds;
    for (int64_t i = begin; i < end; ++i) {
      prompts.push_back(shots[static_cast<size_t>(i)].prompt);
      negatives.push_back(arguments.negative_prompt);
      seeds.push_back(shots[static_cast<size_t>(i)].seed);
    }
    GenerateOptions options = arguments.generate;
    if (options.noise.defined()) options.noise = options.noise.narrow(0, begin, end - begin);
    options.on_step = [&](int64_t, int64_t) {
      check_interrupted();
      progress.advance(end - begin);
    };
    append_pictures(model.generate(options, encoder.encode(prompts), encoder.encode(negatives), seeds), pictures);
  }
  progress.finish();
  return pictures;
}

std::string shot_parameters(const Shot& shot, const HostPicture& picture, const SampleArguments& arguments,
                            const Sampler& sampler) {
  std::string prompt = shot.prompt;
  for (const std::string& lora : arguments.loras) {
    const LoraArgument parsed = parse_lora(lora);
    prompt += text(" <lora:", fs::path(parsed.file).stem().string(), ':', shortest(parsed.weight), '>');
  }
  return parameters_text({prompt, arguments.negative_prompt, arguments.generate.steps, sampler.label,
                          arguments.generate.guidance_scale, shot.seed, picture.width, picture.height,
                          fs::path(arguments.model).stem().string()});
}

/// Few prompts with several seeds each: a row a prompt; else about as many columns as rows.
int64_t grid_columns(const SampleArguments& arguments, size_t shots) {
  if (arguments.columns > 0) return arguments.columns;
  if (arguments.count > 1 && static_cast<size_t>(arguments.count) < shots) return arguments.count;
  return static_cast<int64_t>(std::ceil(std::sqrt(static_cast<double>(shots))));
}

void announce(const fs::path& path) { std::printf("%s\n", path.c_str()); }

/// `--out` FILE.png gets the picture, or the grid of several; a folder gets every picture, and the grid of several.
void write_all(const SampleArguments& arguments, const Sampler& sampler, const std::vector<Shot>& shots,
               const std::vector<HostPicture>& pictures) {
  const fs::path out = arguments.out;
  const bool one_file = out.extension() == ".png";
  const auto write_shot = [&](size_t i, const fs::path& path) {
    const HostPicture& picture = pictures[i];
    write_png(path, picture.rgb, picture.width, picture.height,
              {{"parameters", shot_parameters(shots[i], picture, arguments, sampler)}});
    announce(path);
  };
  if (one_file && shots.size() == 1) return write_shot(0, out);
  if (!one_file) {
    fs::create_directories(out);
    for (size_t i = 0; i < shots.size(); ++i) {
      char name[64];
      std::snprintf(name, sizeof(name), "%04zu-%llu.png", i, static_cast<unsigned long long>(shots[i].seed));
      write_shot(i, out / name);
    }
  }
  if (shots.size() == 1) return;
  std::vector<std::string> labels;
  for (const Shot& shot : shots) labels.push_back(text(shot.seed, ": ", shot.prompt));
  const HostPicture grid = make_grid(pictures, labels, grid_columns(arguments, shots.size()));
  const fs::path path = one_file ? out : out / "grid.png";
  write_png(path, grid.rgb, grid.width, grid.height,
            {{"parameters", shot_parameters(shots.front(), pictures.front(), arguments, sampler)}});
  announce(path);
}

/// Before anything is drawn.
void check_out(const fs::path& out) {
  const fs::path folder = out.extension() == ".png" ? out.parent_path() : fs::path();
  if (folder.empty() || fs::is_directory(folder)) return;
  throw ConfigError("the folder of --out does not exist", folder.string(), "make it first");
}

void run_sample(SampleArguments arguments) {
  check_out(arguments.out);
  const std::vector<Shot> shots = list_shots(arguments);
  const at::Device device = choose_device(arguments.device, "--device");
  StableDiffusionXL model = StableDiffusionXL::load(arguments.model, arguments.vae);
  model.place_frozen(device, at::kFloat);
  for (const std::string& lora : arguments.loras) attach_lora(parse_lora(lora), lora_targets(model), device);
  if (!arguments.noise_file.empty()) arguments.generate.noise = read_noise(arguments.noise_file, shots.size());
  const Sampler& sampler = find_sampler(arguments.generate.sampler, model.scheduler);
  write_all(arguments, sampler, shots, generate_all(model, arguments, shots, device));
}

void declare_options(CLI::App& app, SampleArguments& arguments) {
  GenerateOptions& generate = arguments.generate;
  app.add_option("MODEL", arguments.model, "diffusers pipeline folder")->required();
  app.add_option("--prompt", arguments.prompts, "what to draw; may be repeated")
      ->type_name("TEXT")
      ->allow_extra_args(false);  // the next word may be MODEL
  app.add_option("--prompts", arguments.prompts_file, "prompts from a file, one a line")->type_name("FILE");
  app.add_option("--negative-prompt", arguments.negative_prompt, "what to keep away from")->type_name("TEXT");
  app.add_option("--width", generate.width, "px; default: the model's")->check(CLI::Range(8, 16384));
  app.add_option("--height", generate.height, "px; default: the model's")->check(CLI::Range(8, 16384));
  app.add_option("--steps", generate.steps, "of the sampler")->check(CLI::Range(1, 1000))->capture_default_str();
  app.add_option("--guidance-scale", generate.guidance_scale, "1 and below: no guidance")->capture_default_str();
  app.add_option("--sampler", generate.sampler, "ddim or euler; default: the model's scheduler")->type_name("NAME");
  app.add_option("--seed", arguments.seed, "of a prompt's first picture")
      ->check(CLI::Range(int64_t{0}, std::numeric_limits<int64_t>::max()))
      ->capture_default_str();
  app.add_option("--count", arguments.count, "pictures a prompt, with seeds counting up")
      ->check(CLI::Range(1, 10000))
      ->capture_default_str();
  app.add_option("--lora", arguments.loras, "LoRA file and its weight; may be repeated")
      ->type_name("FILE[:WEIGHT]")
      ->allow_extra_args(false);
  app.add_option("--vae", arguments.vae, "another autoencoder: dct, or a folder")->type_name("VAE");
  app.add_option("--batch-size", arguments.batch_size, "pictures at a time")
      ->check(CLI::Range(1, 256))
      ->capture_default_str();
  app.add_option("--noise", arguments.noise_file, "safetensors with the noise to begin with, instead of the seeds'")
      ->type_name("FILE");
  app.add_option("--device", arguments.device, "auto: cuda when there is one")
      ->check(CLI::IsMember({"auto", "cpu", "cuda"}))
      ->capture_default_str();
  app.add_option("--columns", arguments.columns, "of the grid of several pictures")->check(CLI::Range(1, 1000));
  app.add_option("--out", arguments.out, "file, or folder for every picture and a grid")
      ->type_name("PNG|DIR")
      ->capture_default_str();
}

}  // namespace

Verb verb_sample() {
  return {"sample", "draw pictures with a model", [](CLI::App& app) {
            auto arguments = std::make_shared<SampleArguments>();
            declare_options(app, *arguments);
            return [arguments] { run_sample(*arguments); };
          }};
}

}  // namespace atelier
