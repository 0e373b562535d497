#include "data/dataset_hash.h"

#include <span>
#include <utility>

#include "configs/base/atomic_file.h"
#include "configs/base/hash.h"
#include "configs/base/text.h"
#include "configs/schema/writer.h"

namespace atelier {
namespace {

template <typename Options>
std::string yaml_of(Options options) {
  Section section;
  describe(section, options);
  return write_yaml(section);
}

std::string captions_seen(CaptionOptions options) {
  options.recipe.reset();  // its keys stand in their places
  std::optional<std::string>& dictionary = options.paraphrase.dictionary;
  if (dictionary) dictionary = content_hash(read_file(*dictionary));
  return yaml_of(std::move(options));
}

std::string source_seen(const SourceOptions& source, const LoaderOptions& loader) {
  const LoaderChoices choices = loader_choices(loader, source);
  return text(shortest(source.repeats), source.is_reg ? " reg" : "", choices.flip_aug ? " flip" : "",
              choices.random_crop ? " crop" : "", choices.alpha_mask ? " alpha" : "", source.mask_dir ? " masks" : "",
              "\n", source.class_tokens, "\n", source.captions ? captions_seen(*source.captions) : "");
}

}  // namespace

std::string dataset_hash(const Manifest& manifest, const Selection& selection, const DatasetOptions& options) {
  ContentHasher hasher;
  hasher.update_field(manifest.summary().content_hash);
  hasher.update_number(std::ssize(selection.rows));
  hasher.update(std::as_bytes(std::span(selection.rows)));
  hasher.update_field(yaml_of(options.balance));
  hasher.update_field(yaml_of(options.buckets));
  hasher.update_field(captions_seen(options.captions));
  hasher.update_field(text(options.loader.alpha_background, " ", shortest(options.loader.prior_loss_weight)));
  for (const SourceOptions& source : options.sources) hasher.update_field(source_seen(source, options.loader));
  return hasher.hex();
}

}  // namespace atelier
