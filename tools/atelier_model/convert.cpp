// `model convert`: a checkpoint from one layout or number type to another, tensor by tensor.
#include <CLI/CLI.hpp>

#include "configs/base/atomic_file.h"
#include "configs/base/log.h"
#include "configs/base/text.h"
#include "models/pipeline/components.h"
#include "models/weights/pipeline_folder.h"
#include "models/weights/single_file.h"
#include "models/weights/stored_pipeline.h"
#include "models/weights/weights.h"
#include "tools/atelier_model/model_output.h"
#include "tools/atelier_model/tokenizer_folder.h"
#include "tools/atelier_model/verbs.h"
#include "tools/atelier_model/write_progress.h"
#include "tools/common/arguments.h"

namespace atelier {
namespace {

namespace fs = std::filesystem;

struct ConvertArguments {
  std::string in, out, config;
  std::optional<SafeDtype> dtype;
  bool overwrite = false;
};

bool is_single_file_name(const fs::path& path) { return path.extension() == ".safetensors"; }

void check_convert_paths(const ConvertArguments& arguments, bool single_file) {
  require_free(arguments.out, arguments.overwrite);
  if (single_file) require_parent(arguments.out);
  // A model may take its own place, but not that of a folder around it.
  const fs::path in(arguments.in), out(arguments.out);
  const bool itself = fs::exists(in) && fs::exists(out) && fs::equivalent(in, out);
  if (!itself) require_kept(out, {in});
}

/// What a reader of the single file would have to guess wrongly.
void warn_of_untold(const StoredPipeline& pipeline, const fs::path& out) {
  const std::vector<std::string> names = untold_options(pipeline);
  if (names.empty()) return;
  log_warning(out.string(), ": a single file cannot say what is not as in SDXL: ", join(names, ", "),
              "; keep the configuration files, for --config");
}

void copy_or_write_tokenizers(const StoredPipeline& pipeline, const fs::path& out) {
  const auto add = [&](bool there, const char* name, int encoder) {
    if (!there) return;
    const fs::path own = pipeline.path / name;
    if (!pipeline.single_file && fs::is_directory(own)) {
      fs::copy(own, out / name, fs::copy_options::recursive);
    } else {
      write_tokenizer_folder(out / name, encoder);
    }
  };
  add(pipeline.text_encoder.has_value(), "tokenizer", 1);
  add(pipeline.text_encoder_2.has_value(), "tokenizer_2", 2);
}

void to_single_file(const StoredPipeline& pipeline, const ConvertArguments& arguments, WriteOptions options) {
  std::vector<TensorSource> tensors = single_file_tensors(pipeline);
  warn_of_untold(pipeline, arguments.out);
  WriteProgress progress("convert", tensors, options.dtype);
  options.on_tensor = progress.counter();
  options.metadata = single_file_metadata(pipeline, fs::path(arguments.out).stem().string());
  write_tensor_sources(arguments.out, std::move(tensors), options);
}

void to_folder(const StoredPipeline& pipeline, const ConvertArguments& arguments, WriteOptions options) {
  AtomicFolder folder(folder_path(arguments.out), arguments.overwrite);
  WriteProgress progress("convert", pipeline, options.dtype);
  options.on_tensor = progress.counter();
  copy_or_write_tokenizers(pipeline, folder.temporary_path());
  write_pipeline_folder(pipeline, folder.temporary_path(), options);
  folder.commit();
}

/// Any safetensors file to another number type: every tensor keeps its name.
void cast_file(const ConvertArguments& arguments, WriteOptions options) {
  const SafetensorsFile file(arguments.in);
  std::vector<TensorSource> tensors = stored_tensors(arguments.in);
  WriteProgress progress("convert", tensors, options.dtype);
  options.on_tensor = progress.counter();
  options.metadata = without_hashes(file.metadata());
  write_tensor_sources(arguments.out, std::move(tensors), options);
}

void run_convert(const ConvertArguments& arguments) {
  const bool single_file = is_single_file_name(arguments.out);
  check_convert_paths(arguments, single_file);
  WriteOptions options;
  options.dtype = arguments.dtype;
  const std::optional<fs::path> config =
      arguments.config.empty() ? std::nullopt : std::optional<fs::path>(arguments.config);
  if (single_file && !fs::is_directory(arguments.in) && !config) {
    cast_file(arguments, options);
  } else {
    StoredPipeline pipeline = open_pipeline(arguments.in, config);
    check_parts(pipeline);
    single_file ? to_single_file(pipeline, arguments, options) : to_folder(pipeline, arguments, options);
  }
  log_info("wrote ", arguments.out);
}

}  // namespace

Verb verb_convert() {
  const auto declare = [](CLI::App& app) {
    auto arguments = std::make_shared<ConvertArguments>();
    app.add_option("IN", arguments->in, "diffusers pipeline folder, or safetensors file")->required();
    app.add_option("OUT", arguments->out, "NAME.safetensors, or a folder")->required();
    add_dtype_option(app, arguments->dtype, "type of the weights (their own if not given)");
    app.add_option("--config", arguments->config, "folder of a pipeline's config.json files: what a single file is of");
    app.add_flag("--overwrite", arguments->overwrite, "replace OUT if it exists");
    return [arguments] { run_convert(*arguments); };
  };
  return {"model convert", "a checkpoint to the other layout or another number type", declare};
}

}  // namespace atelier
