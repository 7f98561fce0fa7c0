/* The trade list: filter, sort, sum; and cards that exist only while they are in view. */

const GAP = 12;

/** What is shown, in order. */
let shown = new Int32Array(0);
/** Per trade, made once: what can be searched, months, flags. @type {any} */
let facets = null;

const KINDS = {
  "": ["every trade", () => true],
  loss: ["losses", (i) => own(0, inUnit("net"))[i] < 0],
  gain: ["gains", (i) => own(0, inUnit("net"))[i] > 0],
  blocked: ["a guard blocked an attempt", (i) => own(0, "blocked")[i] > 0],
  partial: ["partly closed", (i) => facets.partial[i] === 1],
  gap: ["stop jumped over", (i) => facets.gap[i] > 0],
  ambiguous: ["stop and target in one bar", (i) => own(0, "ambiguous")[i] === 1],
  at_once: ["closed at bar 0", (i) => own(0, "bars_held")[i] === 0],
  differ: ["versions differ", (i) => facets.difference !== null && Math.abs(facets.difference[i]) > 0.005],
};

const SORTS = {
  date: ["by date", null],
  worst: ["worst first", (i) => own(0, inUnit("net"))[i]],
  best: ["best first", (i) => -own(0, inUnit("net"))[i]],
  regret: ["largest regret", (i) => -(facets.regret?.[i] ?? 0)],
  longest: ["held longest", (i) => -own(0, "bars_held")[i]],
  gap: ["largest jump over the stop", (i) => -facets.gap[i]],
  differ: ["largest difference of versions", (i) => -Math.abs(facets.difference?.[i] ?? 0)],
};

function makeFacets() {
  const { columns, facts } = T;
  const count = facts.ids.length;
  const partial = new Uint8Array(count), gap = new Float64Array(count), month = [], haystack = [];
  const offsets = own(0, "fill_offsets"), gaps = own(0, inUnit("fill_gap"));
  const tags = Object.entries(facts.tags);
  for (let i = 0; i < count; i++) {
    partial[i] = Number(offsets[i + 1] - offsets[i] > 1);
    for (let f = offsets[i]; f < offsets[i + 1]; f++) gap[i] = Math.max(gap[i], gaps[f]);
    const entered = moment(columns.entry_time[i]);
    month.push(entered.slice(0, 7));
    const words = [facts.ids[i], `#${facts.ids[i]}`, entered, columns.direction[i] > 0 ? "long" : "short", reasonOf(own(0, "reason")[i]).name];
    for (const [name, values] of tags) if (values[i]) words.push(name, values[i]);
    haystack.push(words.join(" ").toLowerCase());
  }
  const net = own(0, inUnit("net"));
  const best = facts.baselines.includes(facts.oracle) ? baseline(facts.oracle, inUnit("net")) : null;
  const other = facts.versions.length > 1 ? own(1, inUnit("net")) : null;
  facets = {
    partial, gap, month, haystack,
    regret: best && Float64Array.from(net, (value, i) => best[i] - value),
    difference: other && Float64Array.from(net, (value, i) => value - other[i]),
  };
}

function startFilters() {
  makeFacets();
  const { facts } = T;
  const options = (id, pairs) => byId(id).append(...pairs.map(([value, label]) => element("option", { value }, label)));
  const compared = facts.versions.length > 1;
  options("sort", Object.entries(SORTS).filter(([key]) => compared || key !== "differ").map(([key, [label]]) => [key, label]));
  options("by-kind", Object.entries(KINDS).filter(([key]) => compared || key !== "differ").map(([key, [label]]) => [key, label]));
  const used = new Set(own(0, "reason"));
  options("by-reason", [...used].sort().map((reason) => [reason, reasonOf(reason).name]));
  options("by-month", [...new Set(facets.month)].sort().map((month) => [month, month]));
  const form = byId("filters");
  form.addEventListener("input", applyFilters);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(applyFilters));
  byId("trades-csv").addEventListener("click", () => copy(tradesAsCsv()));
  applyFilters();
}

function applyFilters() {
  const words = byId("search").value.toLowerCase().split(/\s+/).filter(Boolean);
  const reason = byId("by-reason").value, direction = byId("by-direction").value, month = byId("by-month").value;
  const kind = KINDS[byId("by-kind").value][1];
  const kept = [];
  for (let i = 0; i < T.facts.ids.length; i++) {
    if (reason !== "" && own(0, "reason")[i] !== Number(reason)) continue;
    if (direction !== "" && T.columns.direction[i] !== Number(direction)) continue;
    if (month !== "" && facets.month[i] !== month) continue;
    if (!words.every((word) => facets.haystack[i].includes(word))) continue;
    if (kind(i)) kept.push(i);
  }
  const key = SORTS[byId("sort").value][1];
  if (key) {
    const keys = new Float64Array(T.facts.ids.length);
    for (const i of kept) keys[i] = key(i);
    kept.sort((a, b) => keys[a] - keys[b] || a - b);
  }
  shown = Int32Array.from(kept);
  showTotals();
  byId("count").textContent = `${shown.length.toLocaleString("en-US")} of ${T.facts.ids.length.toLocaleString("en-US")} trades. Enter opens a card; / searches.`;
  layCards(true);
}

/** The TOTAL row of what is shown: sums of the trade table. */
function showTotals() {
  const sum = (values) => { let total = 0; for (const i of shown) total += values[i]; return total; };
  const several = T.facts.versions.length > 1;
  const { trades, net_total, net_r_total, win_rate, net_mean } = T.facts.headings;
  const head = ["", trades, "gross", ...T.facts.costs, net_total, net_r_total, win_rate, net_mean];
  const rows = T.facts.versions.map((version, v) => {
    const net = sum(own(v, inUnit("net")));
    let won = 0;
    for (const i of shown) won += own(v, inUnit("net"))[i] > 0 ? 1 : 0;
    const r = sum(own(v, "net_r"));
    const cells = [
      [shown.length.toLocaleString("en-US")], [signed(sum(own(v, inUnit("gross"))), unitDigits())],
      ...T.facts.costs.map((cost) => [plain(sum(own(v, inUnit(cost))), unitDigits())]),
      [signed(net, unitDigits()), `net ${signClass(net)}`], [signed(r, 2), signClass(r)],
      [shown.length ? percent(won / shown.length) : NOTHING], [shown.length ? signed(net / shown.length, T.facts.unit.digits) : NOTHING, signClass(net)],
    ];
    return element("tr", { "data-version": version }, element("th", { scope: "row" }, several ? `TOTAL ${version}` : "TOTAL"),
      ...cells.map(([text, kind]) => element("td", { class: kind ?? "" }, text)));
  });
  byId("selection").replaceChildren(element("thead", {}, element("tr", {}, ...head.map((text) => element("th", { scope: "col" }, text)))), element("tbody", {}, ...rows));
}

/** Columns and size of the grid, from the width there is. */
function grid() {
  const width = byId("cards").clientWidth;
  const columns = Math.max(1, Math.floor((width + GAP) / (340 + GAP)));
  const extra = 46 * (T.facts.versions.length - 1);
  return { columns, width: (width - GAP * (columns - 1)) / columns, height: 276 + extra + (Object.keys(T.facts.tags).length ? 18 : 0) };
}

/** @type {Map<number, HTMLElement>} place in the list -> card */
const laid = new Map();

/** Put the cards that are in view on the page and take the others away. @param {boolean} anew */
function layCards(anew = false) {
  const box = byId("cards");
  const { columns, width, height } = grid();
  const rowHeight = height + GAP;
  box.style.height = `${Math.ceil(shown.length / columns) * rowHeight}px`;
  if (anew) { laid.clear(); box.replaceChildren(); }
  const top = box.getBoundingClientRect().top;
  const first = Math.max(0, Math.floor((-top - 400) / rowHeight)) * columns;
  const last = Math.min(shown.length, Math.ceil((innerHeight + 400 - top) / rowHeight) * columns);
  for (const [place, card] of laid) if (place < first || place >= last) { card.remove(); laid.delete(place); }
  for (let place = first; place < last; place++) {
    let card = laid.get(place);
    if (card) continue;
    card = tradeCard(shown[place], place);
    card.style.cssText = `left:${(place % columns) * (width + GAP)}px;top:${Math.floor(place / columns) * rowHeight}px;width:${width}px;height:${height}px`;
    laid.set(place, card);
    // In the order of the list, so that the keyboard goes from one to the next.
    const after = [...box.children].find((other) => Number(other.dataset.place) > place);
    box.insertBefore(card, after ?? null);
  }
}

/** What a reader should notice about a trade. @param {number} i @returns {Array<[string, boolean]>} */
function chipsOf(i) {
  const chips = [];
  if (facets.gap[i] > 0) chips.push([`jumped the stop by ${plain(facets.gap[i], unitDigits())} ${T.facts.unit.words}`, true]);
  if (own(0, "bars_held")[i] === 0 && Math.abs(own(0, inUnit("gross"))[i]) > 0.05 * T.facts.unit.grain) chips.push(["earned without being held", true]);
  if (own(0, "ambiguous")[i]) chips.push(["stop and target in one bar", true]);
  if (facets.partial[i]) chips.push(["partial", false]);
  if (own(0, "blocked")[i]) chips.push([`${own(0, "blocked")[i]} blocked`, false]);
  if (facets.regret && facets.regret[i] > 0.05) chips.push([`regret ${plain(facets.regret[i], 1)}`, false]);
  return chips;
}

/** @param {number} i @returns {string} */
function titleOf(i) {
  return `#${T.facts.ids[i]} ${T.columns.direction[i] > 0 ? "\u25b2 long" : "\u25bc short"}`;
}

/** The TOTAL row, a line a version. @param {number} i @param {boolean} brief @returns {HTMLElement} */
function totalTable(i, brief) {
  const several = T.facts.versions.length > 1;
  // On a phone an opened trade's table is wider than the screen: what it came to stands first there.
  const resultFirst = !brief && innerWidth <= 560;
  const laidOut = (label, parts, result) => [label, ...(resultFirst ? [...result, ...parts] : [...parts, ...result])];
  const head = laidOut("", ["gross", ...T.facts.costs.map((cost) => (brief && cost.length > 6 ? cost.slice(0, 4) : cost))], [`net ${T.facts.unit.words}`, "R", "exit"]);
  const rows = T.facts.versions.map((version, v) => {
    const net = own(v, inUnit("net"))[i], r = own(v, "net_r")[i];
    const label = element("th", { scope: "row" }, several ? (brief ? version.split("_")[0] : `TOTAL ${version}`) : "TOTAL");
    const parts = [
      element("td", {}, signed(own(v, inUnit("gross"))[i], unitDigits())),
      ...T.facts.costs.map((cost) => element("td", {}, plain(own(v, inUnit(cost))[i], unitDigits()))),
    ];
    const result = [
      element("td", { class: `net ${signClass(net)}` }, signed(net, unitDigits())),
      element("td", { class: signClass(r) }, signed(r, 2)),
      element("td", {}, (brief && reasonOf(own(v, "reason")[i]).short) || reasonOf(own(v, "reason")[i]).name),
    ];
    return element("tr", { "data-version": version }, ...laidOut(label, parts, result));
  });
  return element("table", { class: "total" }, element("thead", {}, element("tr", {}, ...head.map((text) => element("th", { scope: "col" }, text)))), element("tbody", {}, ...rows));
}

/** @param {number} i trade @param {number} place in the list @returns {HTMLElement} */
function tradeCard(i, place) {
  const net = own(0, inUnit("net"))[i];
  const opener = element("button", { type: "button", class: "open-it" }, titleOf(i));
  opener.addEventListener("click", () => openTrade(i));
  const card = element("article", { class: "card", role: "listitem", "data-trade": T.facts.ids[i], "data-place": place, "aria-posinset": place + 1, "aria-setsize": shown.length },
    element("div", { class: "head" }, opener, element("span", { class: `pips ${signClass(net)}` }, `${signed(net, unitDigits())} ${T.facts.unit.words}`)),
    element("div", { class: "when" }, `${moment(T.columns.entry_time[i])} \u2192 ${moment(own(0, "exit_time")[i])} \u00b7 ${barCount(own(0, "bars_held")[i])} \u00b7 ${signed(own(0, "net_r")[i])} R`));
  const tags = Object.entries(T.facts.tags).filter(([, values]) => values[i]).map(([name, values]) => `${name}: ${values[i]}`);
  if (Object.keys(T.facts.tags).length) card.append(element("div", { class: "tags", title: tags.join("\n") }, tags.join(" \u00b7 ")));
  const picture = element("div", { class: "picture-of" });
  card.append(picture, element("div", { class: "chips" }, ...chipsOf(i).map(([text, warn]) => element("span", { class: warn ? "chip warn" : "chip" }, text))), totalTable(i, true));
  if (D) drawCard(i, picture);
  return card;
}

/** @param {number} i @param {HTMLElement} picture */
function drawCard(i, picture) {
  picture.replaceChildren(miniChart(i), ...T.facts.versions.map((_, v) => actionStrip(v, i)));
}

/** Draw what could not be drawn before bars and decisions were there. */
function drawWaitingCards() {
  for (const [place, card] of laid) drawCard(shown[place], card.querySelector(".picture-of"));
}

/** Everything about the trades shown, a line a trade. @returns {string} */
function tradesAsCsv() {
  const { facts } = T;
  const names = [inUnit("net"), "net_r", inUnit("gross"), ...T.facts.costs.map((cost) => inUnit(cost)), inUnit("mfe"), inUnit("mae"), "bars_held", "entry_fill", "exit_price"];
  const head = ["trade_id", "entry_time", "direction", ...facts.versions.flatMap((version) => [...names, "exit_time", "exit_reason"].map((name) => facts.versions.length > 1 ? `${version}.${name}` : name)), ...facts.baselines.map((name) => `${name}.${inUnit("net")}`), ...Object.keys(facts.tags)];
  const lines = [head];
  for (const i of shown) {
    const line = [facts.ids[i], new Date(T.columns.entry_time[i]).toISOString(), T.columns.direction[i]];
    facts.versions.forEach((_, v) => line.push(...names.map((name) => own(v, name)[i]), new Date(own(v, "exit_time")[i]).toISOString(), reasonOf(own(v, "reason")[i]).name));
    line.push(...facts.baselines.map((name) => baseline(name, inUnit("net"))[i]), ...Object.values(facts.tags).map((values) => values[i]));
    lines.push(line);
  }
  return lines.map((line) => line.map((value) => csvField(String(value))).join(",")).join("\n") + "\n";
}

const MOST_PRINTED = 1000;

/** On paper cards would be a book: a table of the trades shown instead. */
function printList() {
  const rows = [...shown.slice(0, MOST_PRINTED)].map((i) => element("tr", {},
    ...[titleOf(i), moment(T.columns.entry_time[i]), moment(own(0, "exit_time")[i]), own(0, "bars_held")[i], reasonOf(own(0, "reason")[i]).name,
      ...T.facts.versions.flatMap((_, v) => [signed(own(v, inUnit("gross"))[i], unitDigits()), signed(own(v, inUnit("net"))[i], unitDigits()), signed(own(v, "net_r")[i])])].map((text) => element("td", {}, String(text)))));
  const head = ["trade", "in", "out", "bars", "exit", ...T.facts.versions.flatMap((version) => [`gross (${version})`, `net ${T.facts.unit.words}`, "R"])];
  byId("print-list").replaceChildren(
    element("table", {}, element("thead", {}, element("tr", {}, ...head.map((text) => element("th", { scope: "col" }, text)))), element("tbody", {}, ...rows)),
    element("p", {}, shown.length > MOST_PRINTED ? `The first ${MOST_PRINTED} of ${shown.length} trades.` : ""));
}
