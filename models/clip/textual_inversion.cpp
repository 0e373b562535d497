#include "models/clip/textual_inversion.h"

#include <ATen/ATen.h>

#include "configs/base/error.h"
#include "configs/base/safetensors.h"
#include "configs/base/text.h"
#include "models/weights/weights.h"

namespace atelier {
namespace {

namespace fs = std::filesystem;

constexpr const char* kWanted = "an SDXL embedding is a safetensors file with clip_l and clip_g";

at::Tensor read_vectors(const SafetensorsFile& file, const char* name) {
  const SafeTensorInfo* info = file.find(name);
  if (!info) throw WeightsError(text("the embedding lacks the tensor ", name), file.path().string(), kWanted);
  at::Tensor vectors = read_tensor(file, *info);
  if (vectors.dim() == 1) vectors = vectors.unsqueeze(0);  // one vector, as some programs write it
  if (vectors.dim() != 2 || vectors.numel() == 0 || !vectors.is_floating_point()) {
    throw WeightsError(text(name, " has the shape ", vectors.sizes(), ", wanted [vectors, width] of numbers"),
                       file.path().string(), kWanted);
  }
  require_finite(vectors, name, file.path());
  return vectors.to(at::kFloat);
}

}  // namespace

TextualInversion read_textual_inversion(const fs::path& path) {
  const std::string extension = path.extension().string();
  if (extension == ".pt" || extension == ".bin" || extension == ".ckpt") {
    throw WeightsError("embeddings in Python's pickle format can run code and are not read", path.string(),
                       "convert it to safetensors where it came from");
  }
  const SafetensorsFile file(path);
  if (!file.find("clip_l") && !file.find("clip_g")) {
    if (const SafeTensorInfo* other = file.find("emb_params")) {
      const int64_t width = other->shape.empty() ? 0 : other->shape.back();
      throw WeightsError(
          text("this embedding is for ", width == 1024 ? "SD 2" : "SD 1.5", ": one set of vectors, ", width, " wide"),
          path.string(), kWanted);
    }
  }
  TextualInversion result{read_vectors(file, "clip_l"), read_vectors(file, "clip_g")};
  if (result.clip_l.size(0) != result.clip_g.size(0)) {
    throw WeightsError(text("clip_l has ", result.clip_l.size(0), " vectors, clip_g ", result.clip_g.size(0)),
                       path.string(), kWanted);
  }
  return result;
}

}  // namespace atelier
