"use strict";
// Elements, texts and numbers. Whatever a data set says becomes text by textContent, never markup.

/** An element: make("td", {class: "number"}, "12", child, ...). Null children are left out. */
function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(key, value);
  }
  for (const child of children.flat()) if (child !== null && child !== undefined) element.append(child);
  return element;
}

const kMissing = "–";
const isNumber = (value) => typeof value === "number" && Number.isFinite(value);
const withDigits = (digits) => new Intl.NumberFormat("en-US", {maximumFractionDigits: digits});
const kWhole = withDigits(0), kOne = withDigits(1), kTwo = withDigits(2), kThree = withDigits(3);
const kTwoSignificant = new Intl.NumberFormat("en-US", {maximumSignificantDigits: 2});

/** 1234567 is "1,234,567". */
const whole = (value) => isNumber(value) ? kWhole.format(value) : kMissing;
const wholePosts = (value) => `${whole(value)} ${value === 1 ? "post" : "posts"}`;
/** At most two digits after the point, three where the number is below 1. */
const decimal = (value) => !isNumber(value) ? kMissing : (Math.abs(value) < 1 ? kThree : kTwo).format(value);
/** A share of 0 to 1 as "12.3 %"; what is not nothing is not written as nothing. */
function percent(share) {
  if (!isNumber(share)) return kMissing;
  const hundreds = share * 100;
  return (hundreds !== 0 && Math.abs(hundreds) < 0.1 ? kTwoSignificant : kOne).format(hundreds) + " %";
}
const times = (value) => isNumber(value) ? `${kTwo.format(value)} ×` : kMissing;
const share = (part, all) => all > 0 ? part / all : null;
/** girl_only -> "girl only": names of ours, not tags. */
const words = (name) => String(name).replaceAll("_", " ");
const capital = (text) => text[0].toUpperCase() + text.slice(1);
const orUnknown = (value) => value === null || value === undefined ? "unknown" : String(value);

const none = (text) => make("p", {class: "none"}, text);
const empty = (text) => make("div", {class: "empty"}, text);
const card = (title, ...children) => make("div", {class: "card"}, title ? make("h3", {}, title) : null, ...children);
const wide = (element) => (element.classList.add("wide"), element);
const grid = (...children) => make("div", {class: "grid"}, ...children);
const stack = (...children) => make("div", {class: "stack"}, ...children);

/** A row of key figures: [name, value, small print]. */
function figures(entries) {
  return make("dl", {class: "figures"}, entries.map(([name, value, small]) =>
    make("div", {}, make("dt", {}, name), make("dd", {}, value, small ? make("small", {}, small) : null))));
}
