"use strict";
// Tables. A column is {key, name, kind, value}: kind is "text" or one of kKinds; value(row) defaults to row[key].

const kKinds = {count: whole, decimal, percent, times, written: (value) => value};
const kPageSizes = [25, 100, 1000];

const cellValue = (column, row) => column.value ? column.value(row) : row[column.key];

function cell(column, row) {
  const value = cellValue(column, row);
  const format = kKinds[column.kind];
  if (format) return make("td", {class: "number"}, format(value));
  return make("td", {class: "text", dir: "auto"}, value === null || value === undefined ? kMissing : String(value));
}

const headClass = (column) => kKinds[column.kind] ? "number" : null;

/** A table that is all there: few rows, in their own order. */
function plainTable(columns, rows, caption) {
  if (rows.length === 0) return none("Nothing to list.");
  const head = make("tr", {}, columns.map((c) => make("th", {scope: "col", class: headClass(c)}, c.name)));
  const body = rows.map((row) => make("tr", {}, columns.map((column) => cell(column, row))));
  const table = make("table", {"aria-label": caption}, make("thead", {}, head), make("tbody", {}, body));
  return make("div", {class: "scroll", tabindex: "0", role: "region", "aria-label": caption}, table);
}

/** Missing values come last whichever way is sorted. */
function compareCells(a, b, direction) {
  const missingA = a === null || a === undefined, missingB = b === null || b === undefined;
  if (missingA || missingB) return missingA - missingB;
  const order = typeof a === "number" ? a - b : a < b ? -1 : a > b ? 1 : 0;
  return direction * order;
}

/** A table to search and sort, a page of it in the document at a time. `searched` names the column looked through. */
class DataTable {
  constructor({caption, columns, rows, searched, footer}) {
    Object.assign(this, {caption, columns, rows, searched, footer});
    this.shown = rows;
    this.page = 0;
    this.pageSize = kPageSizes[0];
    this.sorted = {column: null, direction: 1};
  }

  element() {
    if (this.rows.length === 0) return none("Nothing to list.");
    this.body = make("tbody");
    this.heads = this.columns.map((column) => this.head(column));
    const table = make("table", {"aria-label": this.caption}, make("thead", {}, make("tr", {}, this.heads)), this.body);
    const scroll = make("div", {class: "scroll", tabindex: "0", role: "region", "aria-label": this.caption}, table);
    const element = make("div", {class: "data-table"}, this.tools(), scroll, this.pager(),
                         this.footer ? make("p", {class: "sub"}, this.footer) : null);
    this.draw();
    return element;
  }

  head(column) {
    const button = make("button", {type: "button", onclick: () => this.sort(column)}, column.name);
    return make("th", {scope: "col", class: headClass(column), "aria-sort": "none"}, button);
  }

  tools() {
    this.count = make("span", {class: "count", role: "status"});
    const search = make("input", {type: "search", placeholder: "Search", "aria-label": `Search ${this.caption}`,
                                  oninput: (event) => this.search(event.target.value)});
    const sizes = make("select", {onchange: (event) => this.resize(Number(event.target.value))},
                       kPageSizes.map((size) => make("option", {value: size}, whole(size))));
    return make("div", {class: "tools"}, search, make("label", {}, "Rows ", sizes), this.count);
  }

  pager() {
    this.back = make("button", {type: "button", onclick: () => this.turn(-1)}, "Previous");
    this.next = make("button", {type: "button", onclick: () => this.turn(1)}, "Next");
    this.place = make("span");
    return make("div", {class: "pager"}, this.back, this.place, this.next);
  }

  /** All words must occur; blanks and underscores are one. */
  search(text) {
    const wanted = text.toLowerCase().replaceAll("_", " ").split(" ").filter((word) => word);
    const column = this.columns.find((c) => c.key === this.searched);
    this.shown = this.rows.filter((row) => {
      const name = String(cellValue(column, row)).toLowerCase().replaceAll("_", " ");
      return wanted.every((word) => name.includes(word));
    });
    this.arrange();
  }

  /** Numbers begin with the largest. */
  sort(column) {
    const first = kKinds[column.kind] ? -1 : 1;
    this.sorted = {column, direction: this.sorted.column === column ? -this.sorted.direction : first};
    const word = this.sorted.direction > 0 ? "ascending" : "descending";
    this.columns.forEach((c, i) => this.heads[i].setAttribute("aria-sort", c === column ? word : "none"));
    this.arrange();
  }

  arrange() {
    const {column, direction} = this.sorted;
    if (column) {
      this.shown = [...this.shown].sort((a, b) => compareCells(cellValue(column, a), cellValue(column, b), direction));
    }
    this.page = 0;
    this.draw();
  }

  resize(size) {
    this.pageSize = size;
    this.page = 0;
    this.draw();
  }

  turn(pages) {
    this.page += pages;
    this.draw();
  }

  draw() {
    const from = this.page * this.pageSize;
    const rows = this.shown.slice(from, from + this.pageSize);
    this.body.replaceChildren(...rows.map((row) => make("tr", {}, this.columns.map((column) => cell(column, row)))));
    const pages = Math.max(1, Math.ceil(this.shown.length / this.pageSize));
    this.count.textContent = `${whole(this.shown.length)} of ${whole(this.rows.length)} rows`;
    this.place.textContent = `Page ${whole(this.page + 1)} of ${whole(pages)}`;
    this.back.disabled = this.page === 0;
    this.next.disabled = this.page + 1 >= pages;
  }
}

const dataTable = (options) => new DataTable(options).element();
