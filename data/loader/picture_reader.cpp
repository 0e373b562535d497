#include "data/loader/picture_reader.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "configs/base/error.h"
#include "configs/base/hash.h"
#include "configs/base/random.h"
#include "configs/base/text.h"
#include "data/bucket/crop.h"
#include "data/dataset.h"
#include "data/files/picture_bytes.h"

namespace atelier {
namespace {

namespace fs = std::filesystem;

/// How one source's pictures are read.
struct SourceChoices : LoaderChoices {
  std::optional<std::string> mask_dir;
};

/// `folder`/`name` with any picture suffix, or nothing.
std::optional<fs::path> find_picture(const fs::path& folder, const fs::path& name) {
  static constexpr std::array kSuffixes = {".png", ".webp", ".jpg", ".jpeg", ".gif", ".avif"};
  for (const char* suffix : kSuffixes) {
    std::error_code ignored;
    if (fs::path path = (folder / name).concat(suffix); fs::is_regular_file(path, ignored)) return path;
  }
  return std::nullopt;
}

/// The mask of a picture: beneath its folder's name if its id has one, else by its name alone.
std::optional<fs::path> find_mask(const fs::path& folder, std::string_view id, std::string_view path) {
  const fs::path relative = fs::path(id).relative_path();
  for (const fs::path& name :
       {relative.parent_path() / relative.stem(), fs::path(relative.stem()), fs::path(path).stem()}) {
    if (name.empty()) continue;
    if (std::optional<fs::path> found = find_picture(folder, name)) return found;
  }
  return std::nullopt;
}

/// The grey values of the picture `path`, cut as the picture of width x height that it belongs to.
void read_mask_file(const fs::path& path, int32_t width, int32_t height, const Placement& placement,
                    std::span<uint8_t> mask) {
  constexpr double kOtherShape = 0.02;
  std::vector<uint8_t> rgb(mask.size() * 3);
  const PictureBytes file = picture_bytes(path.string());
  const auto [own_width, own_height] =
      decode_image_into(file.bytes(), {.background = {0, 0, 0}}, placement, {.rgb = rgb});
  if (std::abs(double(own_width) * height / (double(own_height) * width) - 1) > kOtherShape) {
    throw DataError(text("the mask has another shape than its picture: ", own_width, " x ", own_height, " px"),
                    path.string());
  }
  for (size_t i = 0; i < mask.size(); ++i) {  // ITU-R BT.601, as Pillow
    mask[i] = static_cast<uint8_t>((299 * rgb[3 * i] + 587 * rgb[3 * i + 1] + 114 * rgb[3 * i + 2] + 500) / 1000);
  }
}

}  // namespace

struct PictureReader::State {
  const Dataset& dataset;
  DecodeOptions decoding;
  std::vector<SourceChoices> choices;  // by source
  bool has_masks = false;

  const SourceChoices& choices_of_row(int64_t row) const {
    return choices[static_cast<size_t>(dataset.manifest().source(row))];
  }
  void read_picture(int64_t row, const Placement& placement, const PixelTarget& target) const;
};

PictureReader::PictureReader(const Dataset& dataset) : state_(new State{dataset, {}, {}}) {
  const DatasetOptions& options = dataset.options();
  state_->decoding.background = parse_colour(options.loader.alpha_background, "dataset.loader.alpha_background");
  for (const SourceOptions& source : options.sources) {
    const SourceChoices& own =
        state_->choices.emplace_back(SourceChoices{loader_choices(options.loader, source), source.mask_dir});
    state_->has_masks |= own.alpha_mask || own.mask_dir;
  }
}

PictureReader::~PictureReader() = default;

bool PictureReader::has_masks() const { return state_->has_masks; }

Placement PictureReader::placement(const PlannedSample& sample, int32_t width, int32_t height) const {
  const Manifest& manifest = state_->dataset.manifest();
  const SourceChoices& choices = state_->choices_of_row(sample.row);
  const ResizePlan resize = plan_resize(manifest.width(sample.row), manifest.height(sample.row), width, height);
  Placement placement{resize.resized_w, resize.resized_h, resize.crop_left, resize.crop_top, width, height};
  const auto draw = [&](std::string_view stream) {
    return CounterRng(
        state_->dataset.seed(), stream,
        {hash64(manifest.id(sample.row)), static_cast<uint64_t>(sample.epoch), static_cast<uint64_t>(sample.repeat)});
  };
  if (choices.random_crop) {
    CounterRng rng = draw("random crop");
    placement.crop_left = static_cast<int32_t>(rng.below(static_cast<uint64_t>(resize.resized_w - width) + 1));
    placement.crop_top = static_cast<int32_t>(rng.below(static_cast<uint64_t>(resize.resized_h - height) + 1));
  }
  placement.flipped = choices.flip_aug && draw("flip").below(2) == 1;
  return placement;
}

void PictureReader::State::read_picture(int64_t row, const Placement& placement, const PixelTarget& target) const {
  const Manifest& manifest = dataset.manifest();
  const std::string path(manifest.path(row));
  const PictureBytes file = picture_bytes(path, manifest.file_offset(row), manifest.file_size(row));
  const std::array<int32_t, 2> size = decode_image_into(file.bytes(), decoding, placement, target);
  if (size != std::array{manifest.width(row), manifest.height(row)}) {
    throw DataError("the picture has another size than in the manifest", path, "build the dataset again");
  }
}

bool PictureReader::read(int64_t row, const Placement& placement, const Wanted& wanted) const {
  const Manifest& manifest = state_->dataset.manifest();
  const SourceChoices& choices = state_->choices_of_row(row);
  std::optional<fs::path> mask_file;
  if (!wanted.mask.empty() && choices.mask_dir) {
    mask_file = find_mask(*choices.mask_dir, manifest.id(row), manifest.path(row));
  }
  const bool mask_is_alpha = !wanted.mask.empty() && !mask_file && choices.alpha_mask;
  if (!wanted.rgb.empty() || mask_is_alpha) {
    std::vector<uint8_t> unwanted(wanted.rgb.empty() ? wanted.mask.size() * 3 : 0);
    state_->read_picture(row, placement,
                         {.rgb = wanted.rgb.empty() ? std::span(unwanted) : wanted.rgb,
                          .alpha = mask_is_alpha ? wanted.mask : std::span<uint8_t>{}});
  }
  if (wanted.mask.empty() || mask_is_alpha) return true;
  if (mask_file) {
    read_mask_file(*mask_file, manifest.width(row), manifest.height(row), placement, wanted.mask);
  } else {
    std::ranges::fill(wanted.mask, uint8_t{255});
  }
  return mask_file || !choices.mask_dir;
}

int32_t seen_crop_left(const Placement& placement) {
  return placement.flipped ? placement.resized_width - placement.crop_left - placement.width : placement.crop_left;
}

}  // namespace atelier
