"use strict";
// Charts by Chart.js, each with its table. Colours: Okabe and Ito's, told apart by most colour-blind readers and, in this
// order, by their lightness on grey paper.

const kColours = {
  light: ["#0072b2", "#e69f00", "#56b4e9", "#d55e00", "#009e73", "#cc79a7"],
  dark: ["#56b4e9", "#e69f00", "#0f86cc", "#f0e442", "#2dbf96", "#cc79a7"],
};
const kDrawn = [];  // every chart, seen or not yet: {canvas, config, chart}

const theme = () => document.documentElement.dataset.theme;
const styleOf = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function paint(config) {
  const colours = kColours[theme()];
  config.data.datasets.forEach((dataset, i) => {
    const colour = colours[i % colours.length];
    Object.assign(dataset, {backgroundColor: colour, borderColor: colour});
  });
  Object.assign(Chart.defaults, {color: styleOf("--soft"), borderColor: styleOf("--line")});
}

function drawChart(entry) {
  entry.chart?.destroy();
  const config = entry.config();
  paint(config);
  entry.chart = new Chart(entry.canvas, config);
}

/** Charts are drawn when they come near the window; all of them before printing. */
const nearby = new IntersectionObserver((changes) => {
  for (const change of changes.filter((c) => c.isIntersecting)) {
    nearby.unobserve(change.target);
    drawChart(kDrawn.find((entry) => entry.canvas === change.target));
  }
}, {rootMargin: "400px"});

function drawAllCharts(onlySeen) {
  for (const entry of kDrawn) if (entry.chart || !onlySeen) drawChart(entry);
}

const kAxisFormats = {count: whole, decimal, percent, times};

/** Of a logarithmic axis: powers of ten, and where there are few of them 2 and 5 times those; more would overlap. */
function logarithmicTick(format) {
  return function (value) {
    const lead = Number((value / 10 ** Math.floor(Math.log10(value) + 1e-9)).toFixed(6));
    const shown = this.max / this.min > 100 ? [1] : [1, 2, 5];
    return shown.includes(lead) ? kAxisFormats[format](value) : "";
  };
}

const logarithmicAxis = (title, format) => ({
  type: "logarithmic", title: {display: Boolean(title), text: title}, ticks: {callback: logarithmicTick(format)}});

function axisOptions(title, format, more = {}) {
  const ticks = {callback: (value) => kAxisFormats[format](value), ...(format === "count" ? {precision: 0} : {})};
  return {title: {display: Boolean(title), text: title}, ticks, ...more};
}

/**
 * A figure with a chart and, folded below it, its table. `series`: [{name, values}], `labels` beside them. `kind`: "bar",
 * "across" (bars from left to right) or "line" (values are {x, y}). `format`: of the values. `axis`, `labelAxis`: titles.
 */
function chartFigure({title, sub, kind, labels, series, format, axis, labelAxis, logarithmic, columns, rows, stacked}) {
  if (rows.length === 0) return card(title, none("Nothing to draw."));
  const canvas = make("canvas", {role: "img", "aria-label": `${title}. The numbers are in the table below.`});
  const across = kind === "across", line = kind === "line";
  const options = {
    animation: false, maintainAspectRatio: false, indexAxis: across ? "y" : "x",
    interaction: {mode: line ? "nearest" : "index", axis: across ? "y" : "x", intersect: false},
    plugins: {
      legend: {display: series.length > 1, position: "bottom", labels: {boxWidth: 12}},
      tooltip: {callbacks: {label: (item) => {
        const value = across ? item.parsed.x : item.parsed.y;
        return `${item.dataset.label}: ${kAxisFormats[format](value)}`;
      }}},
    },
  };
  const values = logarithmic ? logarithmicAxis(axis, format) : axisOptions(axis, format, {beginAtZero: true});
  const named = {title: {display: Boolean(labelAxis), text: labelAxis}, grid: {display: false}};
  const numbered = () => logarithmic ? logarithmicAxis(labelAxis, "count")
                                     : axisOptions(labelAxis, "percent", {type: "linear", max: 1});
  const names = line ? numbered() : named;
  values.stacked = names.stacked = Boolean(stacked);
  options.scales = across ? {x: values, y: names} : {x: names, y: values};
  const config = () => ({
    type: line ? "line" : "bar", options,
    data: {labels, datasets: series.map((s) => ({
      label: s.name, data: s.values, pointRadius: line ? 2 : 0, borderWidth: line ? 2 : 0, maxBarThickness: 34}))},
  });
  kDrawn.push({canvas, config, chart: null});
  nearby.observe(canvas);
  const plot = make("div", {class: "plot"}, canvas);
  // Set on the element, which the policy allows: as high as its bars need.
  if (across) plot.style.height = `${Math.max(9, 3.5 + labels.length * Math.max(1.4, 0.8 * series.length))}rem`;
  return make("figure", {}, make("figcaption", {}, title), sub ? make("p", {class: "sub"}, sub) : null, plot,
              tableBehind(title, columns, rows));
}

const tableBehind = (title, columns, rows) =>
  make("details", {}, make("summary", {}, "Table of this chart"), plainTable(columns, rows, title));

const pairColumns = [{key: "posts", name: "Posts", kind: "count"}, {key: "usable", name: "Usable", kind: "count"}];

/** Bars of posts and of usable posts. `key` names the rows. */
function pairFigure({title, sub, rows, key, name, kind = "bar", label = (row) => words(orUnknown(row[key]))}) {
  return chartFigure({
    title, sub, kind, format: "count", axis: "posts", labels: rows.map(label),
    series: [{name: "Posts", values: rows.map((r) => r.posts)}, {name: "Usable", values: rows.map((r) => r.usable)}],
    columns: [{name, value: label}, ...pairColumns], rows});
}

/** "0.5 to 0.75", "2 and more". */
const binName = (bin) => bin.to === null ? `${decimal(bin.from)} and more` : `${decimal(bin.from)} to ${decimal(bin.to)}`;

/** A histogram of one or two counts: `counts` is [[key, name], ...]. */
function histogramFigure({title, sub, bins, counts, labelAxis}) {
  return chartFigure({
    title, sub, labelAxis, kind: "bar", format: "count", labels: bins.map(binName),
    series: counts.map(([key, name]) => ({name, values: bins.map((bin) => bin[key])})),
    columns: [{name: labelAxis, value: binName}, ...counts.map(([key, name]) => ({key, name, kind: "count"}))], rows: bins});
}
