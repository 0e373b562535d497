"use strict";
// The page: its sections, the contents beside them, dark mode, printing.

const kSections = [overview, people, tags, exposure, sizesSection, time, captions, duplicates, licence, made];

/** Key figures of two reports and how far they are apart; shares differ in points. */
function comparisonCard(report) {
  const {compare: other} = report;
  const rows = [];
  const add = (name, kind, value) => {
    const [a, b] = [value(report), value(other)];
    rows.push({name, kind, a, b, difference: isNumber(a) && isNumber(b) ? a - b : null});
  };
  add("Posts in the manifest", "count", (r) => r.posts.counted);
  add("Usable posts", "count", (r) => r.posts.usable);
  add("Different tags", "count", (r) => r.posts.tags);
  add("Samples an epoch", "count", (r) => r.posts.samples_per_epoch);
  add("Effective sample size", "count", (r) => r.people.balance?.effective_posts);
  add("Largest repeat", "times", (r) => r.people.balance?.largest_repeat);
  for (const {class: name} of report.people.classes) {
    const find = (r) => r.people.classes.find((row) => row.class === name);
    add(`${words(name)}: natural`, "percent", (r) => find(r)?.natural);
    add(`${words(name)}: reached`, "percent", (r) => find(r)?.reached);
  }
  add("Artists", "count", (r) => r.exposure?.artist.distinct);
  add("Held by the top 1 % of artists", "percent", (r) => r.exposure?.artist.top_1_percent);
  add("Cropped away", "percent", (r) => r.sizes.crop_loss?.mean);
  add("Waste of batches", "percent", (r) => r.sizes.waste);
  add("Captions truncated", "percent", (r) => r.captions && share(r.captions.truncated, r.captions.samples));
  const text = (row, key) => {
    const sign = key === "difference" && row[key] > 0 ? "+" : "";
    return sign + kKinds[row.kind](row[key]);
  };
  return card("Both side by side", plainTable(
    [{key: "name", name: "Figure"}, ...[["a", "This"], ["b", "Other"], ["difference", "Difference"]].map(([key, name]) =>
      ({key, name, kind: "written", value: (row) => text(row, key)}))], rows, "Comparison"));
}

function sectionElement(section, report) {
  const sides = report.compare ? [["This", report], ["Other", report.compare]] : [[null, report]];
  const drawn = sides.map(([name, one]) => make("div", {},
    name ? make("p", {class: "side-name"}, `${name}: ${sourceNames(one)}`) : null, stack(...section.draw(one))));
  return make("section", {class: "part", id: section.id, "aria-labelledby": `${section.id}-title`},
    make("h2", {id: `${section.id}-title`}, section.title), make("p", {class: "says"}, section.says),
    make("div", {class: report.compare ? "sides two" : "sides"}, drawn));
}

const sourceNames = (report) => report.sources.map((source) => source.path).join(", ") || "no source";

function setTheme(name) {
  document.documentElement.dataset.theme = name;
  document.getElementById("theme").textContent = name === "dark" ? "Light mode" : "Dark mode";
}

function redraw(onlySeen) {
  drawAllCharts(onlySeen);
  for (const map of kDensityMaps) map.draw();
}

function followTheme() {
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  setTheme(dark.matches ? "dark" : "light");
  dark.addEventListener("change", () => (setTheme(dark.matches ? "dark" : "light"), redraw(true)));
  document.getElementById("theme").addEventListener("click", () => {
    setTheme(theme() === "dark" ? "light" : "dark");
    redraw(true);
  });
}

/** On paper: light, and every chart drawn. */
function preparePrinting() {
  let before = null;
  window.addEventListener("beforeprint", () => (before = theme(), setTheme("light"), redraw(false)));
  window.addEventListener("afterprint", () => (setTheme(before), redraw(true)));
}

/** Marks the section that is being read. */
function followReading(links) {
  const seen = new IntersectionObserver((changes) => {
    for (const change of changes.filter((c) => c.isIntersecting)) {
      for (const link of links) {
        if (link.hash === `#${change.target.id}`) link.setAttribute("aria-current", "true");
        else link.removeAttribute("aria-current");
      }
    }
  }, {rootMargin: "-15% 0px -75% 0px"});
  for (const section of document.querySelectorAll("section.part")) seen.observe(section);
}

function showReport(report) {
  followTheme();
  document.getElementById("subtitle").textContent =
    `${sourceNames(report)} · ${wholePosts(report.posts.counted)} · ${report.made.at.replace("T", " ").replace("Z", " UTC")}`;
  const links = kSections.map((section) => make("a", {href: `#${section.id}`}, section.title));
  document.getElementById("contents").append(...links);
  const parts = [];
  if (report.posts.counted === 0) parts.push(empty("This data set is empty: no post came out of its sources."));
  if (report.compare) parts.push(make("section", {class: "part"}, comparisonCard(report)));
  document.getElementById("main").replaceChildren(...parts, ...kSections.map((s) => sectionElement(s, report)));
  followReading(links);
  preparePrinting();
}

showReport(JSON.parse(document.getElementById("report").textContent));
