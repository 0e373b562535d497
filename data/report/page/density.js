"use strict";
// Width and height of all pictures as a heat map, the buckets drawn over it.

const kHeat = {light: [[231, 241, 248], [8, 48, 107]], dark: [[32, 52, 70], [150, 220, 255]]};
const kMargin = {left: 56, right: 14, top: 12, bottom: 44};

/** Where a side stands: edges are ascending, cells equally wide, and within a cell by logarithm. */
function sidePlace(edges, side) {
  const last = edges.length - 1;
  let i = 0;
  while (i < last && edges[i + 1] <= side) ++i;
  if (i === last) return last + 0.5;
  const from = Math.max(edges[i], 1);
  return i + Math.min(1, Math.max(0, Math.log(side / from) / Math.log(edges[i + 1] / from)));
}

class DensityMap {
  constructor(sizes) {
    this.sizes = sizes;
    const used = sizes.density.flatMap((cell) => [cell.width, cell.height]);
    for (const bucket of sizes.buckets ?? []) {
      used.push(Math.floor(sidePlace(sizes.edges, bucket.width)), Math.floor(sidePlace(sizes.edges, bucket.height)));
    }
    this.from = Math.max(0, Math.min(...used) - 1);
    this.cells = Math.max(...used) + 2 - this.from;
    this.most = Math.max(...sizes.density.map((cell) => cell.posts));
    this.byPlace = new Map(sizes.density.map((cell) => [`${cell.width} ${cell.height}`, cell]));
    this.canvas = make("canvas", {role: "img", "aria-label":
      "Width and height of the pictures as a heat map. The numbers are in the table below."});
    this.readout = make("p", {class: "readout"}, "Point at a cell to read it.");
    this.canvas.addEventListener("pointermove", (event) => this.read(event));
    new ResizeObserver(() => this.draw()).observe(this.canvas);
  }

  x(place) { return kMargin.left + (place - this.from) / this.cells * this.width; }
  y(place) { return kMargin.top + this.height - (place - this.from) / this.cells * this.height; }

  draw() {
    const box = this.canvas.getBoundingClientRect(), sharp = window.devicePixelRatio || 1;
    if (box.width === 0) return;
    this.canvas.width = box.width * sharp;
    this.canvas.height = box.height * sharp;
    this.width = box.width - kMargin.left - kMargin.right;
    this.height = box.height - kMargin.top - kMargin.bottom;
    const pen = this.canvas.getContext("2d");
    pen.scale(sharp, sharp);
    this.drawCells(pen);
    this.drawAxes(pen);
    this.drawBuckets(pen);
  }

  drawCells(pen) {
    const [low, high] = kHeat[theme()];
    const wide = this.width / this.cells, tall = this.height / this.cells;
    for (const cell of this.sizes.density) {
      const heat = this.most > 1 ? Math.log(Math.max(1, cell.posts)) / Math.log(this.most) : 1;
      pen.fillStyle = `rgb(${low.map((from, i) => Math.round(from + (high[i] - from) * heat)).join(",")})`;
      pen.fillRect(this.x(cell.width) + 0.5, this.y(cell.height + 1) + 0.5, wide - 1, tall - 1);
    }
  }

  drawAxes(pen) {
    pen.strokeStyle = styleOf("--line");
    pen.strokeRect(kMargin.left, kMargin.top, this.width, this.height);
    pen.fillStyle = styleOf("--soft");
    pen.font = "11px system-ui, sans-serif";
    const every = Math.ceil(this.cells / Math.max(3, Math.floor(this.width / 70)));
    for (let i = 0; i <= this.cells; i += every) {
      const edge = this.sizes.edges[this.from + i];
      if (edge === undefined) continue;
      pen.textAlign = "center";
      pen.fillText(whole(edge), this.x(this.from + i), kMargin.top + this.height + 15);
      pen.textAlign = "right";
      pen.fillText(whole(edge), kMargin.left - 6, this.y(this.from + i) + 4);
    }
    pen.textAlign = "center";
    pen.fillText("width, px", kMargin.left + this.width / 2, kMargin.top + this.height + 34);
    pen.save();
    pen.translate(11, kMargin.top + this.height / 2);
    pen.rotate(-Math.PI / 2);
    pen.fillText("height, px", 0, 0);
    pen.restore();
  }

  drawBuckets(pen) {
    for (const bucket of this.sizes.buckets ?? []) {
      pen.beginPath();
      pen.arc(this.x(sidePlace(this.sizes.edges, bucket.width)), this.y(sidePlace(this.sizes.edges, bucket.height)), 4, 0, 7);
      pen.fillStyle = "#e69f00";
      pen.strokeStyle = "#1d2630";
      pen.fill();
      pen.stroke();
    }
  }

  read(event) {
    const box = this.canvas.getBoundingClientRect();
    const width = this.from + Math.floor((event.clientX - box.left - kMargin.left) / this.width * this.cells);
    const height = this.from + Math.floor((box.top + kMargin.top + this.height - event.clientY) / this.height * this.cells);
    const cell = this.byPlace.get(`${width} ${height}`);
    this.readout.textContent = cell ? cellText(this.sizes.edges, cell) : "No picture of this size.";
  }
}

const sideText = (edges, i) =>
  i + 1 < edges.length ? `${whole(edges[i])} to ${whole(edges[i + 1] - 1)}` : `${whole(edges[i])} and more`;
const cellText = (edges, cell) => `${sideText(edges, cell.width)} px wide, ${sideText(edges, cell.height)} px high: ` +
  `${wholePosts(cell.posts)}, ${whole(cell.usable)} usable`;

const kDensityMaps = [];

function densityFigure(sizes) {
  const map = new DensityMap(sizes);
  kDensityMaps.push(map);
  const columns = [{name: "Width, px", value: (cell) => sideText(sizes.edges, cell.width)},
                   {name: "Height, px", value: (cell) => sideText(sizes.edges, cell.height)}, ...pairColumns];
  const rows = [...sizes.density].sort((a, b) => b.posts - a.posts);
  return wide(make("figure", {}, make("figcaption", {}, "Width and height"),
    make("p", {class: "sub"}, "Darker (in dark mode: lighter) cells hold more posts, by logarithm. Orange points are the " +
         "buckets that the plan sorts them into: cells far from every point are cropped or enlarged most."),
    make("div", {class: "heat"}, map.canvas, map.readout), tableBehind("Width and height", columns, rows)));
}
