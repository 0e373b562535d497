"use strict";
// Sizes and buckets; time, ratings and scores.

const kPostsAndSamples = [["posts", "Posts"], ["samples", "Samples"]];

function bucketsCard(sizes) {
  if (!sizes.buckets) return card("Buckets", none("Nothing is planned: no usable post."));
  return card("Buckets", dataTable({
    caption: "Buckets", searched: "bucket",
    rows: sizes.buckets.map((bucket) => ({...bucket, bucket: `${bucket.width} x ${bucket.height}`})),
    columns: [{key: "bucket", name: "Bucket, px"}, {key: "resolution", name: "Resolution", kind: "count"},
              {key: "posts", name: "Posts", kind: "count"}, {key: "samples", name: "Samples", kind: "decimal"},
              {key: "crop_loss", name: "Cropped away", kind: "percent"}, {key: "upscaled", name: "Enlarged", kind: "count"},
              {key: "batches", name: "Batches", kind: "count"}, {key: "fill", name: "Fill", kind: "percent"},
              {name: "Under a batch", value: (row) => row.small ? "yes" : "no"}]}));
}

function plannedSizes(sizes) {
  if (!sizes.buckets) return [];
  const {crop_loss, scale} = sizes;
  return [
    wide(figures([
      ["Buckets", whole(sizes.buckets.length), `${whole(sizes.buckets.filter((b) => b.small).length)} under one batch`],
      ["Batch size", whole(sizes.batch_size)], ["Fill of batches", percent(sizes.fill), `${percent(sizes.waste)} wasted`],
      ["Cropped away", percent(crop_loss.mean), "of the area, on average"],
      ["Enlarged posts", whole(scale.upscaled), `at most ${times(scale.largest)}`]])),
    histogramFigure({title: "Cropped away", sub: "Share of a picture's area that its bucket cuts off.",
                     bins: crop_loss.histogram, counts: kPostsAndSamples, labelAxis: "share of the area"}),
    histogramFigure({title: "Scaling", sub: "Factor of a side: above 1 a picture is enlarged and looks soft.",
                     bins: scale.histogram, counts: kPostsAndSamples, labelAxis: "factor"}),
    wide(card("Resolutions", plainTable(
      [{key: "resolution", name: "Resolution, px", kind: "count"}, {key: "repeats", name: "Repeats", kind: "times"},
       {key: "posts", name: "Posts", kind: "count"}, {key: "samples", name: "Samples", kind: "decimal"},
       {key: "upscaled", name: "Enlarged", kind: "count"}, {key: "beyond_max_upscale", name: "Too small", kind: "count"},
       {key: "beyond_max_crop_loss", name: "Cropped too much", kind: "count"}], sizes.resolutions, "Resolutions"))),
  ];
}

const sizesSection = {
  id: "sizes", title: "Sizes",
  says: "How large the pictures are and what buckets do to them; watch for much cropping, enlarging and nearly empty buckets.",
  draw: ({sizes}) => {
    if (sizes.density.length === 0) return [empty("No post has a known size.")];
    const pairs = [["posts", "Posts"], ["usable", "Usable"]];
    return [grid(
      densityFigure(sizes),
      histogramFigure({title: "Megapixels", bins: sizes.megapixels, counts: pairs, labelAxis: "megapixels"}),
      histogramFigure({title: "Aspect", sub: "Width by height: below 1 upright, above 1 wide.", bins: sizes.aspect,
                       counts: pairs, labelAxis: "width / height"}),
      ...plannedSizes(sizes)), bucketsCard(sizes)];
  },
};

/** Quantiles of a number by rating. */
function byRating(title, ratings, key) {
  const rows = ratings.filter((row) => row[key].count > 0).map((row) => ({rating: row.rating, ...row[key]}));
  if (rows.length === 0) return card(title, none("No post has it."));
  return chartFigure({
    title, kind: "bar", format: "count", labels: rows.map((row) => words(row.rating)),
    series: [["p25", "lower quarter"], ["p50", "median"], ["p75", "upper quarter"]].map(([point, name]) =>
      ({name, values: rows.map((row) => row[point])})),
    columns: [{name: "Rating", value: (row) => words(row.rating)}, {key: "count", name: "Posts with it", kind: "count"},
              ...kQuantileColumns], rows});
}

function qualityCard(quality) {
  if (!quality) return card("Quality words", none("The captions write no quality word."));
  const ratings = [...new Set(quality.words.flatMap((row) => row.ratings.map((r) => r.rating)))];
  const cut = (row, rating) => {
    const found = row.ratings.find((r) => r.rating === rating);
    return found ? `${decimal(found.lowest)} to ${decimal(found.highest)}` : null;
  };
  return card("Quality words",
    make("p", {class: "sub"}, `By percentile of ${words(quality.basis)}, within ${words(quality.within)}` +
      `${quality.within === "rating_window" ? `, in a window of ${quality.window}` : ""}. Under each rating: the ${words(quality.basis)} found.`),
    plainTable([{name: "Word", value: (row) => row.word ?? "none"}, {key: "above", name: "Above percentile", kind: "decimal"},
                {key: "upto", name: "Up to", kind: "decimal"}, ...pairColumns,
                ...ratings.map((rating) => ({name: words(rating), value: (row) => cut(row, rating)}))],
               quality.words, "Quality words"));
}

const time = {
  id: "time", title: "Time, rating, score",
  says: "When posts were made and how they are rated; old posts carry thinner tags, and scores differ between ratings.",
  draw: ({time: {years, ratings, quality}}) => [grid(
    pairFigure({title: "Years", rows: years, key: "year", name: "Year"}),
    pairFigure({title: "Ratings", rows: ratings, key: "rating", name: "Rating"}),
    byRating("Score by rating", ratings, "score"), byRating("Favourites by rating", ratings, "fav_count")),
    qualityCard(quality)],
};
