"use strict";
/* How numbers and times are written: as in the tables that Python writes. A loss keeps its minus sign. */

const MINUS = "\u2212";
const NOTHING = "\u2013";

/** @param {number|null|undefined} value @param {number} digits @returns {string} with its sign */
function signed(value, digits = 2) {
  if (value === null || value === undefined || Number.isNaN(value)) return NOTHING;
  const text = Math.abs(value).toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
  if (!/[1-9]/.test(text)) return text;
  return (value < 0 ? MINUS : "+") + text;
}

/** @param {number|null|undefined} value @param {number} digits @returns {string} a minus, but no plus */
function plain(value, digits = 2) {
  return signed(value, digits).replace(/^\+/, "");
}

/** @param {number} share @returns {string} */
function percent(share, digits = 1) {
  return plain(100 * share, digits) + "%";
}

/** @param {number} count @returns {string} */
const barCount = (count) => `${count} ${count === 1 ? "bar" : "bars"}`;

/** @param {number} milliseconds since 1970 @returns {string} UTC, to the minute */
function moment(milliseconds) {
  return new Date(milliseconds).toISOString().slice(0, 16).replace("T", " ");
}

/** @param {number} value @returns {string} class name */
function signClass(value) {
  return value < 0 ? "loss" : value > 0 ? "gain" : "";
}

/** An element. Text is only ever set as text: data cannot become markup.
 * @param {string} tag @param {Object<string, string|number|null>} attributes @param {...(Node|string)} children
 * @returns {HTMLElement} */
function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) if (value !== null) made.setAttribute(name, String(value));
  made.append(...children);
  return made;
}

/** The same in SVG.
 * @param {string} tag @param {Object<string, string|number>} attributes @param {...(Node|string)} children
 * @returns {SVGElement} */
function drawn(tag, attributes = {}, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, String(value));
  made.append(...children);
  return made;
}

/** @param {string} id @returns {any} */
const byId = (id) => document.getElementById(id);
