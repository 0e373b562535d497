"use strict";
// Overview and people. A section is {id, title, says, draw(report)}; draw returns elements.

const kReasons = {
  opt_out_artist: "artist opted out", opt_out_source: "source opted out", opt_out_post: "post opted out",
  no_picture: "no picture", min_side: "side too short", min_megapixels: "too few pixels", max_megapixels: "too many pixels",
  max_aspect: "too long or wide", bytes_per_pixel: "too few bytes a pixel", min_score: "score too low",
  min_fav_count: "too few favourites", tags: "tags filtered",
};
const reasonName = (reason) => kReasons[reason] ?? words(reason);

const kQuantileColumns = ["min", "p5", "p25", "p50", "p75", "p95", "max"].map((key) =>
  ({key, name: key === "p50" ? "median" : key, kind: "decimal"}));

function findingsCard(report) {
  if (report.findings.length === 0) return card("Check these", none("Nothing stands out."));
  const items = report.findings.map((finding) => make("li", {},
    make("span", {class: `badge ${["problem", "warning"].includes(finding.severity) ? finding.severity : "note"}`},
         finding.severity),
    make("span", {}, finding.text)));
  return card("Check these", make("ul", {class: "findings"}, items));
}

function overviewFigures({posts, made}) {
  const left = posts.counted - posts.usable;
  return figures([
    ["Posts read", whole(posts.read)],
    ["In the manifest", whole(posts.counted), `${percent(share(posts.counted, posts.read))} of those read`],
    ["Usable", whole(posts.usable), `${percent(share(posts.usable, posts.counted))} of the manifest`],
    ["Left out", whole(left), left === 0 ? "no filter applies" : "by reason below"],
    ["Pictures", whole(posts.with_picture.posts), made.without_pictures ? "posts count without them, too" : null],
    ["Different tags", whole(posts.tags), `${whole(posts.mentions.posts)} on posts, summed`],
    ["Samples an epoch", isNumber(posts.samples_per_epoch) ? whole(posts.samples_per_epoch) : kMissing,
     isNumber(posts.samples_per_epoch) ? null : "nothing is planned"],
  ]);
}

function exclusionParts(report) {
  if (report.exclusions.length === 0) return [card("Left out", none("No post of the manifest is left out."))];
  const examples = report.exclusions.flatMap((exclusion) =>
    exclusion.examples.map((example) => ({reason: reasonName(exclusion.reason), ...example})));
  return [
    chartFigure({
      title: "Left out, by reason", sub: "Each post under the first reason that applies.", kind: "across", format: "count",
      labels: report.exclusions.map((e) => reasonName(e.reason)),
      series: [{name: "Posts", values: report.exclusions.map((e) => e.posts)}],
      columns: [{name: "Reason", value: (e) => reasonName(e.reason)}, {key: "posts", name: "Posts", kind: "count"}],
      rows: report.exclusions}),
    card("Examples of posts left out", plainTable(
      [{key: "reason", name: "Reason"}, {key: "id", name: "Post"}, {key: "detail", name: "Found"},
       {name: "Source", value: (row) => report.sources[row.source]?.path}], examples, "Examples of posts left out")),
  ];
}

const overview = {
  id: "overview", title: "Overview",
  says: "What the sources hold and what of it a training run would use; read the list of findings first, gravest on top.",
  draw: (report) => [
    findingsCard(report), overviewFigures(report),
    grid(...exclusionParts(report),
         pairFigure({title: "Picture formats", kind: "across", rows: report.picture_format, key: "format", name: "Format",
                     label: (row) => row.format}),
         wide(card("What a post is like", plainTable(
           [{key: "name", name: "Of all posts"}, {key: "count", name: "Posts with it", kind: "count"}, ...kQuantileColumns],
           Object.entries(report.quantiles).map(([name, values]) => ({name: words(name), ...values})), "Quantiles")))),
  ],
};

const kClassColumns = [
  {name: "Class", value: (row) => words(row.class)}, ...pairColumns, {key: "inferred", name: "Inferred", kind: "count"},
  {key: "natural", name: "Natural", kind: "percent"}, {key: "wanted", name: "Wanted", kind: "percent"},
  {key: "reached", name: "Reached", kind: "percent"}, {key: "repeats", name: "Repeats", kind: "times"},
  {key: "samples", name: "Samples", kind: "count"}];

function classesFigure({classes}) {
  const planned = classes.some((row) => isNumber(row.reached));
  if (!planned) return pairFigure({title: "Who is in the pictures", rows: classes, key: "class", name: "Class"});
  return chartFigure({
    title: "Who is in the pictures: natural, wanted, reached", kind: "bar", format: "percent",
    sub: "Natural: share of usable posts. Wanted and reached: share of the samples of an epoch.",
    labels: classes.map((row) => words(row.class)),
    series: ["natural", "wanted", "reached"].map((key) => ({
      name: capital(key), values: classes.map((row) => row[key] ?? null)})),
    columns: kClassColumns, rows: classes});
}

function groupSizeFigure({classes}) {
  const sizes = ["solo", "pair", "group", "unknown"];
  return chartFigure({
    title: "Alone, in pairs, in groups", sub: "Usable posts.", kind: "bar", format: "count", stacked: true,
    labels: classes.map((row) => words(row.class)),
    series: sizes.map((size) => ({name: size, values: classes.map((row) => row.group_size[size].usable)})),
    columns: [{name: "Class", value: (row) => words(row.class)},
              ...sizes.map((size) => ({name: capital(size), kind: "count", value: (row) => row.group_size[size].usable}))],
    rows: classes});
}

/** Shares of the classes within each rating or year. */
function classesBy(title, rows, key) {
  const classes = Object.keys(rows[0]?.classes ?? {});
  const all = (row) => classes.reduce((sum, name) => sum + row.classes[name].usable, 0);
  const used = rows.filter((row) => all(row) > 0);
  if (used.length === 0) return card(title, none("No usable post."));
  const label = (row) => words(orUnknown(row[key]));
  return chartFigure({
    title, sub: "Shares of the usable posts of each column; small columns jump about.", kind: "bar", format: "percent",
    stacked: true, labels: used.map(label),
    series: classes.map((name) => ({name: words(name), values: used.map((row) => share(row.classes[name].usable, all(row)))})),
    columns: [{name: capital(words(key)), value: label}, ...classes.map((name) =>
      ({name: capital(words(name)), kind: "count", value: (row) => row.classes[name].usable}))], rows: used});
}

function balanceParts(balance) {
  if (!balance) return [card("What balance costs", none("Nothing is planned: no usable post."))];
  const parts = [wide(card("What balance costs",
    make("p", {}, !balance.active ? "No shares are asked for: posts are seen as often as they are there."
      : balance.apply === "repeats" ? "Rare classes are repeated. The more repeats, the fewer different posts an epoch is worth."
      : "Rare classes weigh more in the loss. The more they weigh, the fewer different posts an epoch is worth."),
    figures([
      ["Samples an epoch", whole(balance.samples_per_epoch)],
      ["Effective sample size", whole(balance.effective_posts), `${percent(balance.effective_share)} of the usable posts`],
      ["Largest repeat", times(balance.largest_repeat)],
      ["Moved by the limit", percent(balance.cut_off), "of the epoch, by max_repeat"],
      ["Raking", whole(balance.rake_rounds), `rounds, largest error ${percent(balance.rake_error)}`]])))];
  for (const division of balance.divisions) {
    parts.push(wide(card(`Division by ${words(division.by)}`, dataTable({
      caption: `Division by ${division.by}`, searched: "name", rows: division.classes,
      columns: [{key: "name", name: "Class"}, {key: "posts", name: "Posts", kind: "count"},
                ...["natural", "wanted", "reached"].map((key) => ({key, name: capital(key), kind: "percent"})),
                {key: "repeats", name: "Repeats", kind: "times"}],
      footer: [division.further_classes > 0 ? `${whole(division.further_classes)} further classes are not listed.` : "",
               division.unreachable.length > 0 ? `Without a post: ${division.unreachable.join(", ")}.` : ""].join(" ")}))));
  }
  return parts;
}

const people = {
  id: "people", title: "People",
  says: "Who is in the pictures and how a run would shift it; watch for classes that miss what is wanted and for high repeats.",
  draw: ({people: {classes, conflicts, by_rating, by_year, balance}}) => [
    grid(wide(classesFigure({classes})), groupSizeFigure({classes}), classesBy("People by rating", by_rating, "rating"),
         wide(classesBy("People by year", by_year, "year")), ...balanceParts(balance)),
    make("p", {class: "sub"}, `People tags contradict each other on ${wholePosts(conflicts)}.`),
  ],
};
