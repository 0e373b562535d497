"use strict";
// Captions, duplicates and quarantine, licence and provenance, how the report was made.

function encoderFigure(encoder) {
  return chartFigure({
    title: `Tokens: ${words(encoder.name)}`, kind: "bar", format: "count", labelAxis: "tokens", axis: "captions",
    sub: encoder.longer.map(({than, share: part}) => `${percent(part)} longer than ${whole(than)}`).join(" · ") +
         ` · ${decimal(encoder.mean)} on average`,
    labels: encoder.histogram.map(binName), series: [{name: "Captions", values: encoder.histogram.map((b) => b.captions)}],
    columns: [{name: "Tokens", value: binName}, {key: "captions", name: "Captions", kind: "count"}], rows: encoder.histogram});
}

function sampleElement(sample) {
  const tagLine = Object.entries(sample.tags).filter(([, names]) => names.length > 0)
    .map(([category, names]) => make("div", {class: "meta"}, `${words(category)}: `, make("bdi", {}, names.join(", "))));
  return make("div", {class: "card sample"},
    make("div", {class: "meta"}, make("bdi", {}, `Post ${sample.id}`), ` · ${words(sample.rating)} · ` +
         `${whole(sample.tokens)} tokens${sample.level === null ? "" : ` · drop level ${sample.level}`}`),
    make("p", {class: "caption", dir: "auto"}, sample.caption || "(empty)"), tagLine);
}

const captions = {
  id: "captions", title: "Captions",
  says: "What the text encoders would read, drawn from the plan; watch for captions of which they do not see the end.",
  draw: ({captions: part}) => {
    if (!part || part.samples === 0) return [empty("No caption is written: no usable post.")];
    const levels = part.levels.map((row) => ({...row, name: row.level === null ? "none drawn" : `level ${row.level}`}));
    return [
      figures([["Captions looked at", whole(part.samples)], ["Empty", whole(part.empty)],
               ["Longer than the encoders take", whole(part.truncated),
                `${percent(share(part.truncated, part.samples))} at ${whole(part.max_token_length)} tokens`]]),
      grid(...part.encoders.map(encoderFigure)),
      card("What drop levels leave", plainTable(
        [{key: "name", name: "Drop level"}, {key: "captions", name: "Captions", kind: "count"},
         {key: "share", name: "Share", kind: "percent"}, {key: "mean_tokens", name: "Tokens", kind: "decimal"},
         {key: "mean_post_tags", name: "Tags of the post", kind: "decimal"},
         {key: "mean_characters", name: "Characters", kind: "decimal"}], levels, "Drop levels")),
      make("h3", {}, `${whole(part.examples.length)} captions as training sees them`),
      make("div", {class: "samples"}, part.examples.map(sampleElement))];
  },
};

function duplicatesCard(part) {
  const left = Object.entries(part.left_out).map(([kind, posts]) => ({kind: words(kind), posts}));
  return card("Duplicates",
    make("p", {}, part.method === "none" ? "No duplicates are looked for (dataset.select.dedup is none)."
                                         : `Looked for: ${part.method} duplicates.`),
    plainTable([{key: "kind", name: "Left out by"}, {key: "posts", name: "Posts", kind: "count"}], left, "Left out"),
    make("p", {class: "sub"}, `Variants of another post, as the site says: ${wholePosts(part.with_parent.posts)}.`));
}

const duplicates = {
  id: "duplicates", title: "Duplicates and quarantine",
  says: "Pictures that are there more than once and samples that could not be read; both should be few.",
  draw: ({duplicates: part, quarantine}) => [grid(
    duplicatesCard(part),
    card("Known from the records", make("p", {class: "sub"}, "Whatever the method: posts that share a hash."), plainTable(
      [{name: "Hash", value: (row) => words(row.by)}, {key: "posts", name: "Posts with it", kind: "count"},
       {key: "groups", name: "Groups", kind: "count"}, {key: "surplus", name: "Surplus posts", kind: "count"}],
      part.known, "Known duplicates")),
    wide(card("Examples of duplicates left out", plainTable(
      [{key: "id", name: "Left out"}, {key: "kept", name: "Kept"}, {name: "Kind", value: (row) => words(row.kind)},
       {key: "distance", name: "Distance, bits", kind: "count"}], part.examples, "Examples of duplicates"))),
    wide(card("Quarantine", plainTable(
      [{name: "Reason", value: (row) => words(row.reason)}, {key: "samples", name: "Samples", kind: "count"}],
      quarantine, "Quarantine"),
      quarantine.length === 0 ? null : plainTable(
        [{key: "reason", name: "Reason"}, {key: "source", name: "Source"}, {key: "id", name: "Sample"},
         {key: "detail", name: "Found"}],
        quarantine.flatMap((row) => row.examples.map((e) => ({...e, reason: words(row.reason)}))),
        "Examples of quarantined samples"))))],
};

function sourcesCard(report) {
  return card("Sources", plainTable(
    [{key: "path", name: "Source"}, {key: "kind", name: "Kind"}, {key: "rating_scheme", name: "Ratings"},
     {key: "read", name: "Read", kind: "count"}, {key: "rows", name: "Rows", kind: "count"},
     {name: "Quarantined", kind: "count", value: (row) => Object.values(row.quarantined).reduce((a, b) => a + b, 0)},
     {key: "excluded_minors", name: "Minors", kind: "count"}, {key: "without_picture", name: "No picture", kind: "count"},
     {key: "without_caption", name: "No caption", kind: "count"}, {key: "truncated", name: "Truncated", kind: "count"},
     {key: "animated", name: "Animated", kind: "count"}, {key: "other_files", name: "Other files", kind: "count"}],
    report.sources, "Sources"));
}

const licence = {
  id: "licence", title: "Licence and provenance",
  says: "Where pictures come from and what must not be used; watch for posts without source or artist, which nobody can credit.",
  draw: (report) => {
    const part = report.licence;
    const facts = [["without_source", "No source"], ["without_artist", "No artist tag"], ["deleted", "Deleted at the site"],
                   ["banned", "Banned at the site"], ["pending", "Pending at the site"]]
      .map(([key, name]) => ({name, ...part[key]}));
    const further = part.further_sites;
    return [
      figures([["Posts that sexualise minors", whole(part.excluded_minors), "never taken in"],
               ...facts.map((fact) => [fact.name, whole(fact.posts), `${whole(fact.usable)} of them usable`])]),
      sourcesCard(report),
      card("Where artists published", dataTable({
        caption: "Sites", searched: "site", rows: part.sites, columns: [{key: "site", name: "Site"}, ...pairColumns],
        footer: further.sites > 0 ? `${whole(further.sites)} further sites with ${wholePosts(further.posts)}.` : null})),
      card("Opt-outs", plainTable(
        [{key: "name", name: "List"}, {key: "given", name: "Given"}, {key: "posts", name: "Posts left out", kind: "count"}],
        [["artists", "opt_out_artist"], ["sources", "opt_out_source"], ["posts", "opt_out_post"]].map(([list, reason]) =>
          ({name: list, given: part.opt_outs[list] ? "yes" : "no", posts: part.opt_outs.excluded[reason]})), "Opt-outs"))];
  },
};

/** As a shell takes it. */
const quoted = (word) => /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;

const made = {
  id: "made", title: "How it was made",
  says: "All that is needed to make the same report again; another hash means another data set, other options or other lists.",
  draw: (report) => {
    const part = report.made;
    const rows = [["Made at", part.at], ["Program", part.program], ["Manifest's format", part.manifest_version],
                  ["Seed of the plan", part.seed], ["Manifest", report.manifest_hash],
                  ["Data set as a run sees it", report.dataset_hash], ["Tag rules and lists", part.rules_hash],
                  ["Posts without pictures count", part.without_pictures ? "yes" : "no"]]
      .map(([name, value]) => ({name, value}));
    return [
      card("Command", make("pre", {tabindex: "0"}, part.command.map(quoted).join(" "))),
      card("Versions and hashes", plainTable([{key: "name", name: "What"}, {key: "value", name: "Value"}], rows, "Versions")),
      card("Configuration", part.configuration ? make("pre", {tabindex: "0"}, part.configuration)
                                               : none("Default options: no run's YAML was given."))];
  },
};
