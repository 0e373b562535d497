// `sample`: pictures from prompts.
#include <ATen/ATen.h>

#include <CLI/CLI.hpp>
#include <limits>

#include "configs/base/error.h"
#include "configs/base/hash.h"
#include "configs/base/interrupt.h"
#include "configs/base/mapped_file.h"
#include "configs/base/progress.h"
#include "configs/base/text.h"
#include "models/clip/clip_text_model.h"
#include "models/device.h"
#include "models/pipeline/stable_diffusion_xl.h"
#include "models/unet/unet_2d_condition.h"
#include "models/weights/weights.h"
#include "tools/atelier_model/lora_argument.h"
#include "tools/atelier_model/model_output.h"
#include "tools/atelier_model/prompt_arguments.h"
#include "tools/atelier_model/sample_output.h"
#include "tools/atelier_model/verbs.h"
#include "tools/common/arguments.h"
#include "trainer/prompting/draw.h"

namespace atelier {
namespace {

namespace fs = std::filesystem;

struct SampleArguments {
  std::string model, vae, prompts_file, noise_file, out = "sample.png", latents_out, device = "auto";
  std::vector<std::string> prompts, loras;
  std::string timestep_spacing;
  bool v_prediction = false, zero_terminal_snr = false, model_hash = false;
  PromptArguments reading;
  PromptLine defaults;  // what a prompt's line does not say
  int64_t seed = 0, count = 1, batch_size = 0, columns = 0;

  SampleOutput::Paths paths() const { return {out, latents_out, columns}; }
};

std::vector<Shot> list_shots(const SampleArguments& arguments) {
  std::vector<PromptLine> lines;
  for (const std::string& prompt : arguments.prompts) {
    lines.push_back(arguments.defaults);
    lines.back().prompt = prompt;
  }
  if (!arguments.prompts_file.empty()) {
    for (PromptLine& line : read_prompts(arguments.prompts_file, arguments.defaults)) lines.push_back(std::move(line));
  }
  if (lines.empty()) throw ConfigError("there is nothing to draw", "command line", "give --prompt or --prompts");
  std::vector<Shot> shots;
  for (const PromptLine& line : lines) {
    append_shots(line, static_cast<uint64_t>(arguments.seed), arguments.count, shots);
  }
  return shots;
}

/// What the command line says about the noise schedule of a model whose file does not.
void adjust_scheduler(const SampleArguments& arguments, SchedulerOptions& scheduler) {
  if (arguments.v_prediction) scheduler.prediction_type = "v_prediction";
  if (arguments.zero_terminal_snr) {
    scheduler.rescale_betas_zero_snr = true;
    scheduler.timestep_spacing = "trailing";  // leading never visits the timestep of pure noise
  }
  if (!arguments.timestep_spacing.empty()) scheduler.timestep_spacing = arguments.timestep_spacing;
}

StableDiffusionXL load_model(const SampleArguments& arguments, at::Device device) {
  StableDiffusionXL model = StableDiffusionXL::load(arguments.model, arguments.vae);
  adjust_scheduler(arguments, model.scheduler);
  model.place_frozen(device, at::kFloat);
  const std::vector<LoraTarget> targets = lora_targets(model);
  for (const std::string& lora : arguments.loras) attach_lora(parse_lora(lora), targets, device);
  for (const LoraTarget& target : targets) absorb_adapters(*target.model);
  return model;
}

/// The first 12 digits that A1111 and Forge know a LoRA by: of the hash in its metadata, or of all behind the header.
std::string lora_hash(const std::string& path) {
  constexpr size_t kShown = 12;
  const SafetensorsFile file(path);
  const auto stored = file.metadata().find("sshs_model_hash");
  return (stored != file.metadata().end() ? stored->second : sha256_hex(file.data())).substr(0, kShown);
}

PictureOrigin picture_origin(const SampleArguments& arguments) {
  PictureOrigin origin;
  const fs::path model = fs::weakly_canonical(arguments.model);  // without a slash at the end
  origin.model = (fs::is_directory(model) ? model.filename() : model.stem()).string();
  if (arguments.model_hash && fs::is_regular_file(arguments.model)) {
    constexpr size_t kShown = 10;
    origin.model_hash = sha256_hex(MappedFile(arguments.model).bytes()).substr(0, kShown);
  }
  origin.clip_skip = arguments.reading.options.clip_skip;
  for (const std::string& lora : arguments.loras) {
    const LoraArgument parsed = parse_lora(lora);
    const std::string name = fs::path(parsed.file).stem().string();
    origin.prompt_extra += text(" <lora:", name, ':', shortest(parsed.weight), '>');
    origin.lora_hashes.emplace_back(name, lora_hash(parsed.file));
  }
  return origin;
}

/// The tensor `name` of the noise file; undefined if it is not there.
at::Tensor read_noise(const fs::path& path, const char* name) {
  const SafetensorsFile file(path);
  const SafeTensorInfo* info = file.find(name);
  return info ? read_tensor(file, *info).to(at::kFloat) : at::Tensor();
}

/// For what holds all pictures in one tensor.
void require_one_size(std::span<const Shot> shots, const char* option) {
  for (const Shot& shot : shots) {
    const PictureOptions &first = shots.front().options, &other = shot.options;
    if (first.width == other.width && first.height == other.height) continue;
    throw ConfigError(text("pictures of ", first.width, 'x', first.height, " and of ", other.width, 'x', other.height,
                           " do not go into one tensor"),
                      option, "draw each size by itself");
  }
}

/// `noise` [shots, C, h, w] and, where the file has it, `step_noise` [steps, shots, C, h, w].
void read_noises(const fs::path& path, std::span<const Shot> shots, DrawOptions& options) {
  if (path.empty()) return;
  require_one_size(shots, "--noise");
  const auto count = static_cast<int64_t>(shots.size());
  options.noise = read_noise(path, "noise");
  options.step_noise = read_noise(path, "step_noise");
  if (!options.noise.defined() || options.noise.dim() != 4 || options.noise.size(0) != count) {
    throw ConfigError(text("wanted a tensor \"noise\" of shape [", count, ", C, h, w]"), path.string());
  }
  const at::Tensor& step_noise = options.step_noise;
  const bool fits = !step_noise.defined() || (step_noise.dim() == 5 && step_noise.size(1) == count);
  for (const Shot& shot : shots) {
    if (fits && (!step_noise.defined() || step_noise.size(0) >= shot.options.steps)) continue;
    throw ConfigError(text("wanted \"step_noise\" of shape [", shot.options.steps, ", ", count, ", C, h, w]"),
                      path.string());
  }
}

/// On the CPU a batch brings speed to tiny models only, and sums may round otherwise in it: one by one, a picture's
/// bytes depend on its own seed and settings alone.
int64_t default_batch_size(at::Device device) { return device.is_cpu() ? 1 : 4; }

void check_outputs(const SampleArguments& arguments) {
  SampleOutput::check(arguments.paths());
  if (arguments.latents_out.empty()) return;
  std::vector<fs::path> files = {arguments.model, arguments.vae, arguments.prompts_file, arguments.noise_file};
  for (const std::string& lora : arguments.loras) files.emplace_back(parse_lora(lora).file);
  require_file_place(arguments.latents_out, files);
}

void run_sample(const SampleArguments& arguments) {
  check_outputs(arguments);
  std::vector<Shot> shots = list_shots(arguments);
  const at::Device device = choose_device(arguments.device, "--device");
  const PictureOrigin origin = picture_origin(arguments);
  const StableDiffusionXL model = load_model(arguments, device);
  const PromptEncoder encoder = make_prompt_encoder(model, device, arguments.reading);

  std::vector<const Sampler*> samplers;
  int64_t steps = 0;
  for (Shot& shot : shots) {
    shot.options = with_sides(shot.options, model);
    samplers.push_back(&find_sampler(shot.options.sampler, model.scheduler));
    steps += shot.options.steps;
  }
  require_drawable(model, shots, samplers);
  if (!arguments.latents_out.empty()) require_one_size(shots, "--latents-out");
  DrawOptions options;
  options.batch_size = arguments.batch_size > 0 ? arguments.batch_size : default_batch_size(device);
  read_noises(arguments.noise_file, shots, options);
  SampleOutput output(arguments.paths(), shots, samplers, origin);
  Progress progress("sample", steps, "steps");
  options.on_step = [&](int64_t pictures) {
    check_interrupted();
    progress.advance(pictures);
  };
  options.on_picture = [&](size_t shot, const HostPicture& picture, const at::Tensor& latents) {
    output.add(shot, picture, latents);
  };
  draw_shots(model, encoder, shots, options);
  progress.finish();
  output.finish();
}

void declare_prompts(CLI::App& app, SampleArguments& arguments) {
  app.add_option("MODEL", arguments.model, "single file or diffusers pipeline folder")->required();
  app.add_option("--prompt", arguments.prompts, "what to draw; may be repeated")
      ->type_name("TEXT")
      ->allow_extra_args(false);  // the next word may be MODEL
  app.add_option("--prompts", arguments.prompts_file,
                 "prompts from a file, one a line, with sd-scripts' flags: --n --w --h --d --l --s --ss ...")
      ->type_name("FILE");
  app.add_option("--negative-prompt", arguments.defaults.negative_prompt, "what to keep away from")->type_name("TEXT");
  declare_prompt_options(app, arguments.reading);
}

void declare_drawing(CLI::App& app, SampleArguments& arguments) {
  PictureOptions& options = arguments.defaults.options;
  app.add_option("--width", options.width, "px; default: the model's")->check(CLI::Range(8, 16384));
  app.add_option("--height", options.height, "px; default: the model's")->check(CLI::Range(8, 16384));
  app.add_option("--steps", options.steps, "of the sampler")->check(CLI::Range(1, 1000))->capture_default_str();
  app.add_option("--guidance-scale", options.guidance_scale, "1 and below: no guidance")
      ->check(finite_range(0, 1000))
      ->capture_default_str();
  app.add_option("--guidance-rescale", options.guidance_rescale,
                 "keeps strong guidance from overexposing; 0.7 is usual")
      ->check(finite_range(0, 1))
      ->capture_default_str();
  std::vector<std::string> names;
  for (const Sampler& sampler : samplers()) names.emplace_back(sampler.name);
  app.add_option("--sampler", options.sampler, text(join(names, ", "), "; default: the model's scheduler"))
      ->type_name("NAME");
  app.add_option("--timestep-spacing", arguments.timestep_spacing, "instead of the model's")
      ->check(CLI::IsMember({"leading", "trailing", "linspace"}));
  app.add_flag("--v-prediction", arguments.v_prediction, "the model predicts v, though its file does not say so");
  app.add_flag("--zero-terminal-snr", arguments.zero_terminal_snr,
               "its noise schedule ends in pure noise, likewise; timesteps are spaced trailing");
  app.add_option("--seed", arguments.seed, "of a prompt's first picture")
      ->check(CLI::Range(int64_t{0}, std::numeric_limits<int64_t>::max()))
      ->capture_default_str();
  app.add_option("--count", arguments.count, "pictures a prompt, with seeds counting up")
      ->check(CLI::Range(1, 10000))
      ->capture_default_str();
  app.add_option("--batch-size", arguments.batch_size, "pictures at a time; default: 4 on a GPU, 1 on the CPU")
      ->check(CLI::Range(1, 256));
}

void declare_files(CLI::App& app, SampleArguments& arguments) {
  app.add_option("--lora", arguments.loras, "LoRA file and its weight; may be repeated")
      ->type_name("FILE[:WEIGHT]")
      ->allow_extra_args(false);
  app.add_option("--vae", arguments.vae, "another autoencoder: dct, a folder, or a file")->type_name("VAE");
  app.add_option("--noise", arguments.noise_file, "safetensors with the noise to begin with, instead of the seeds'")
      ->type_name("FILE");
  app.add_option("--device", arguments.device, "auto: cuda when there is one")
      ->check(CLI::IsMember({"auto", "cpu", "cuda"}))
      ->capture_default_str();
  app.add_option("--columns", arguments.columns, "of the grid of several pictures")->check(CLI::Range(1, 1000));
  app.add_option("--out", arguments.out, "file, or folder for every picture and a grid")
      ->type_name("PNG|DIR")
      ->capture_default_str();
  app.add_flag("--model-hash", arguments.model_hash,
               "read a single file once more for the hash that web UIs find it by");
  app.add_option("--latents-out", arguments.latents_out, "safetensors for the latents before decoding")
      ->type_name("FILE");
}

}  // namespace

Verb verb_sample() {
  return {"sample", "draw pictures with a model", [](CLI::App& app) {
            auto arguments = std::make_shared<SampleArguments>();
            declare_prompts(app, *arguments);
            declare_drawing(app, *arguments);
            declare_files(app, *arguments);
            return [arguments] { run_sample(*arguments); };
          }};
}

}  // namespace atelier
