"use strict";
// Tags by category; artists, characters and copyrights by exposure.

/** Buttons of which one shows its panel. The arrow keys go from one to the next. Panels are made when first shown. */
function tabs(label, entries) {
  const panel = make("div", {role: "tabpanel"});
  const made = new Map();
  const buttons = entries.map(([name, draw], i) => make("button", {
    type: "button", role: "tab", onclick: () => show(i),
    onkeydown: (event) => {
      const step = {ArrowRight: 1, ArrowLeft: -1}[event.key];
      if (step) show((i + step + entries.length) % entries.length, true);
    }}, name));
  function show(chosen, focus) {
    buttons.forEach((button, i) => {
      button.setAttribute("aria-selected", i === chosen);
      button.tabIndex = i === chosen ? 0 : -1;
    });
    if (!made.has(chosen)) made.set(chosen, entries[chosen][1]());
    panel.replaceChildren(made.get(chosen));
    panel.setAttribute("aria-label", entries[chosen][0]);
    if (focus) buttons[chosen].focus();
  }
  show(0);
  return make("div", {}, make("div", {class: "tabs", role: "tablist", "aria-label": label}, buttons), panel);
}

/** What the other data set says of the same tag, where there is one. */
function otherColumns(report, list, key, name) {
  if (!report.compare) return [];
  const found = new Map(list(report.compare).map((row) => [row.tag, row[key]]));
  return [{key: `other_${key}`, name: `${name}, other`, kind: "count", value: (row) => found.get(row.tag)}];
}

function tagPanel(report, category) {
  const tags = report.tags[category];
  if (tags.distinct === 0) return empty(`No ${category} tag.`);
  return stack(
    figures([["Different tags", whole(tags.distinct)], ["On posts, summed", whole(tags.mentions.posts)],
             ...tags.rare.map((rare) => [`On fewer than ${whole(rare.below)} posts`, percent(rare.share),
               `of the tags, with ${percent(rare.mention_share)} of the mentions`])]),
    card(`The ${whole(tags.top.length)} most frequent`, dataTable({
      caption: `${words(category)} tags`, searched: "tag", rows: tags.top,
      columns: [{key: "tag", name: "Tag"}, ...pairColumns,
                {name: "Share of posts", kind: "percent", value: (row) => share(row.posts, report.posts.counted)},
                {key: "raw_posts", name: "As written", kind: "count"},
                ...otherColumns(report, (other) => other.tags[category].top, "posts", "Posts")],
      footer: tags.rest.tags > 0 ? `${whole(tags.rest.tags)} rarer tags follow, ` +
        `with ${whole(tags.rest.posts)} mentions (${whole(tags.rest.usable)} on usable posts).` : null})),
    chartFigure({
      title: "The long tail", sub: "Posts of a tag by its rank; both axes are logarithmic.", kind: "line", format: "count",
      logarithmic: true, axis: "posts", labelAxis: "rank",
      series: [{name: "Posts", values: tags.rank_curve.map(({rank, posts}) => ({x: rank, y: posts}))}],
      columns: [{key: "rank", name: "Rank", kind: "count"}, {key: "posts", name: "Posts", kind: "count"}],
      rows: tags.rank_curve}));
}

function leanCard(report) {
  const classes = (report.lean ?? []).filter((row) => row.tags.length > 0);
  if (classes.length === 0) return card("Tags that lean to a class", none("No tag is frequent enough."));
  return card("Tags that lean to a class",
    make("p", {class: "sub"}, "Lift: how much more often a tag is on posts of the class than on all posts. Watch for clothes, " +
         "poses or settings that a model would learn as belonging to one class."),
    tabs("Class of people", classes.map((row) => [words(row.class), () => plainTable(
      [{key: "tag", name: "Tag"}, {key: "lift", name: "Lift", kind: "times"},
       {key: "class_posts", name: "Posts of the class", kind: "count"}, {key: "posts", name: "All posts", kind: "count"}],
      row.tags, `Tags that lean to ${words(row.class)}`)])));
}

const tags = {
  id: "tags", title: "Tags",
  says: "Which tags there are and how often; what is on fewer than about a hundred posts is hardly learnt.",
  draw: (report) => [
    tabs("Category", Object.keys(report.tags).map((category) => [capital(category), () => tagPanel(report, category)])),
    leanCard(report)],
};

function exposurePanel(report, category) {
  const part = report.exposure[category];
  if (part.distinct === 0) return empty(`No usable post names a ${category}.`);
  const title = category === "artist" ? "Credits" : "By samples";
  return stack(
    figures([
      [`Different ${category}s`, whole(part.distinct)], ["Posts with one", whole(part.with), `${whole(part.without)} without`],
      ["Samples", whole(part.samples)],
      ["Held by the top 1 %", percent(part.top_1_percent), "of the samples"],
      ["Gini", decimal(part.gini), "0 all equal, 1 a single one"]]),
    card(title, dataTable({
      caption: `${category}s`, searched: "tag", rows: part.top,
      columns: [{key: "tag", name: capital(category)}, {key: "posts", name: "Usable posts", kind: "count"},
                {key: "samples", name: "Samples an epoch", kind: "decimal"},
                {name: "Share", kind: "percent", value: (row) => share(row.samples, part.samples)},
                ...otherColumns(report, (other) => other.exposure?.[category].top ?? [], "samples", "Samples")],
      footer: part.rest.tags > 0 ? `${whole(part.rest.tags)} more follow with ${whole(part.rest.samples)} samples.` : null})),
    chartFigure({
      title: "Concentration", kind: "line", format: "percent", axis: "share of the samples", labelAxis: "share of the tags",
      sub: "From those with fewest samples upwards; the lower the curve, the fewer hold the most.",
      series: [{name: "Data set", values: part.lorenz.map((point) => ({x: point.tags, y: point.samples}))},
               {name: "All equal", values: [{x: 0, y: 0}, {x: 1, y: 1}]}],
      columns: [{key: "tags", name: "Tags", kind: "percent"}, {key: "samples", name: "Samples", kind: "percent"}],
      rows: part.lorenz}));
}

const exposure = {
  id: "exposure", title: "Artists and characters",
  says: "Whose work and which characters a model would see in an epoch; watch for a few that hold most of the samples.",
  draw: (report) => {
    const {excluded} = report.licence.opt_outs;
    const honoured = make("p", {}, `Opt-outs honoured: ${wholePosts(excluded.opt_out_artist)} by artist, ` +
      `${whole(excluded.opt_out_source)} by source, ${whole(excluded.opt_out_post)} by post, ${whole(excluded.banned)} banned.`);
    if (!report.exposure) return [honoured, empty("Nothing is planned, so nobody is exposed: no usable post.")];
    return [honoured, tabs("Whose", Object.keys(report.exposure).map((category) =>
      [`${capital(category)}s`, () => exposurePanel(report, category)]))];
  },
};
