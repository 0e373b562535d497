#include "data/options/source_options.h"

namespace atelier {

void describe(Section& section, SourceOptions& options) {
  section.field("path", options.path)
      .path()
      .doc(
          "A folder of pictures, tars of pictures (WebDataset), or files of posts: JSON lines, Parquet, SQLite, "
          "CSV, sd-scripts' metadata JSON. Local or s3://bucket/key. Several files of one kind as a pattern: "
          "posts-*.parquet, {00000..00099}.tar.");
  section.field("kind", options.kind)
      .choices({"auto", "folder", "tar", "jsonl", "json", "parquet", "sqlite", "csv"})
      .doc(
          "What `path` is. auto: by suffix; a folder is what it holds: posts by metadata.jsonl, metadata.csv or "
          "metadata.parquet, tars, Parquet files, else pictures.");
  section.field("name", options.name)
      .doc(
          "The source's name in reports and its samples' key: the same pictures may stand in several sources, each "
          "with a name, repeats and captions of its own. Empty: the path.");
  section.field("repeats", options.repeats)
      .also("num_repeats")
      .range(0, 4096)
      .doc(
          "How often each picture is used in an epoch; fractions rotate through the pictures. Multiplies the "
          "repeats that balancing gives.");
  section.field("caption_extension", options.caption_extension)
      .doc(
          "Suffix of the caption files of a folder or tar; the first line is the caption. .txt and .caption stand "
          "in for each other where the wanted one is missing.");
  section.field("image_dir", options.image_dir)
      .path()
      .doc(
          "Folder of the pictures of a posts file, or of tars of them, when they do not lie beside it. Looked for "
          "by file name, then <md5>.<ext>, <id>.<ext> and the <id mod 1000>/<id>.<ext> of the dumps.");
  section.field("rating_scheme", options.rating_scheme)
      .choices({"auto", "old", "modern"})
      .doc(
          "What rating `s` means: safe (old: s, q, e) or sensitive (modern: g, s, q, e). auto: old if no post of "
          "the source is rated g and the newest dated one is from before 2022, else modern.");
  section.field("kohya_folders", options.kohya_folders)
      .doc(
          "`path` holds folders named <repeats>_<class tokens>, as sd-scripts' train_data_dir and reg_data_dir do: "
          "each becomes a source of its own.");
  section.field("is_reg", options.is_reg)
      .doc(
          "Pictures of the class that keep a model from forgetting it (regularisation): their loss is multiplied by "
          "the prior loss weight.");
  section.field("class_tokens", options.class_tokens).doc("The caption of pictures that have none.");
  section.field("mask_dir", options.mask_dir)
      .also("conditioning_data_dir")
      .path()
      .doc("Folder of masks for masked loss: a picture's mask has its name, with any picture suffix.");
  section.field("flip_aug", options.flip_aug)
      .doc("For this source in place of dataset.loader.flip_aug; null: as there.");
  section.field("random_crop", options.random_crop)
      .doc("For this source in place of dataset.loader.random_crop; null: as there.");
  section.field("alpha_mask", options.alpha_mask)
      .doc("For this source in place of dataset.loader.alpha_mask; null: as there.");
  section.section("captions", options.captions)
      .doc(
          "How the captions of this source are made: the keys named here in place of dataset.captions' (all of "
          "them, where a recipe is named); null: as there.");
}

}  // namespace atelier
