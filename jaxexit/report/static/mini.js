/* The small pictures of a card: candles with the stop's path and the fills, and a strip of actions. */

const BEFORE = 8, AFTER = 4; // bars shown around a trade on its card

/** Inner width of a card, CSS pixels. */
const cardWidth = () => Math.max(200, Math.floor(grid().width) - 24);

/** Candles on the side on which the trade is closed. @param {number} i */
function candles(i) {
  const side = T.columns.direction[i] > 0 ? "bid" : "ask";
  const [open, high, low, close] = ["open", "high", "low", "close"].map((name) => D.columns[`bar.${side}_${name}`]);
  return { side, open, high, low, close, time: D.columns["bar.time"] };
}

/** @param {number} i @returns {SVGElement} */
function miniChart(i) {
  const W = cardWidth(), H = 118;
  const { open, high, low, close } = candles(i);
  const entryBar = T.columns.entry_bar[i];
  const fills = fillsOf(0, i), end = fills.at(-1).bar;
  const from = Math.max(0, entryBar - BEFORE), to = Math.min(open.length - 1, end + AFTER);
  const path = stopPathOf(0, i);
  const entry = own(0, "entry_fill")[i];
  let bottom = Math.min(entry, ...path.y, ...fills.map((f) => f.price)), top = Math.max(entry, ...path.y, ...fills.map((f) => f.price));
  for (let b = from; b <= to; b++) { bottom = Math.min(bottom, low[b]); top = Math.max(top, high[b]); }
  const x = (bar) => ((bar - from + 0.5) / (to - from + 1)) * W;
  const y = (price) => 6 + (1 - (price - bottom) / (top - bottom || 1)) * (H - 12);
  const half = Math.min(4, (0.34 * W) / (to - from + 1));
  const n = (value) => value.toFixed(1);
  const shapes = { in: { wick: "", up: "", down: "" }, out: { wick: "", up: "", down: "" } };
  for (let b = from; b <= to; b++) {
    const group = b > end ? shapes.out : shapes.in;
    group.wick += `M${n(x(b))} ${n(y(high[b]))}V${n(y(low[b]))}`;
    const a = y(Math.max(open[b], close[b])), z = Math.max(y(Math.min(open[b], close[b])), a + 0.8);
    group[close[b] >= open[b] ? "up" : "down"] += `M${n(x(b) - half)} ${n(a)}H${n(x(b) + half)}V${n(z)}H${n(x(b) - half)}Z`;
  }
  const line = (corners) => corners.x.map((bar, p) => `${p ? "L" : "M"}${n(x(bar))} ${n(y(corners.y[p]))}`).join("");
  const svg = drawn("svg", { class: "mini", viewBox: `0 0 ${W} ${H}`, preserveAspectRatio: "none", "aria-hidden": "true" });
  for (const [kind, group] of Object.entries(shapes))
    svg.append(drawn("g", { class: kind === "out" ? "after" : "" }, ...["wick", "up", "down"].map((name) => drawn("path", { class: name, d: group[name] }))));
  svg.append(drawn("line", { class: "entry-line", x1: n(x(entryBar + 0.5)), x2: n(x(fills.at(-1).x)), y1: n(y(entry)), y2: n(y(entry)) }));
  for (let v = 1; v < T.facts.versions.length; v++) svg.append(drawn("path", { class: "other-line", d: line(stopPathOf(v, i)) }));
  svg.append(drawn("path", { class: "stop-line", d: line(path) }));
  const up = T.columns.direction[i] > 0;
  const ex = x(entryBar + 0.5), ey = y(entry);
  svg.append(drawn("path", { class: "entry-mark", d: up ? `M${n(ex)} ${n(ey - 1)}l5 9h-10Z` : `M${n(ex)} ${n(ey + 1)}l5 -9h-10Z` }));
  for (const fill of fills) {
    const gained = (fill.price - entry) * T.columns.direction[i] > 0;
    const fx = x(fill.x), fy = y(fill.price);
    svg.append(drawn("path", { class: `fill-mark ${gained ? "gain-mark" : "loss-mark"}`, d: `M${n(fx)} ${n(fy - 5)}l5 5l-5 5l-5 -5Z` }));
  }
  return svg;
}

/** A cell a decision: its action, hatched where a guard blocked it. @param {number} version @param {number} i
 * @returns {SVGElement} */
function actionStrip(version, i) {
  const offsets = decided(version, "offsets"), chosen = decided(version, "chosen"), fired = decided(version, "fired");
  const count = offsets[i + 1] - offsets[i];
  const W = cardWidth();
  const width = Math.min(15, W / count);
  const svg = drawn("svg", { class: "strip", viewBox: `0 0 ${W} 20`, preserveAspectRatio: "none", role: "img" });
  const words = [];
  for (let k = 0; k < count; k++) {
    const row = offsets[i] + k;
    const held = chosen[row] === HOLD, action = actionOf(chosen[row]);
    const blocked = fired[row] > 0;
    const height = held ? 5 : 14;
    svg.append(drawn("rect", {
      x: (k * width + 0.5).toFixed(1), y: 10 - height / 2, width: Math.max(0.8, width - 1).toFixed(1), height, rx: width > 6 ? 2 : 0,
      style: blocked ? `stroke:${action.colour};fill:none;stroke-dasharray:2 2` : `fill:${action.colour}`,
    }));
    if (!held && width > 9) svg.append(drawn("text", { x: (k * width + width / 2).toFixed(1), y: 13.5, style: blocked ? "" : "fill:#000" }, blocked ? "\u00d7" : action.letter));
    if (!held) words.push(`bar ${k}: ${action.name}${blocked ? " (blocked)" : ""}`);
  }
  svg.setAttribute("aria-label", words.length ? words.join(", ") : "held at every bar");
  svg.prepend(drawn("title", {}, words.length ? words.join("\n") : "held at every bar"));
  return svg;
}
