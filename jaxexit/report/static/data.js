/* Data in the page: gzip, base64. Trades are unpacked at once, bars and decisions after the first picture. */

/** @param {string} id of the script element @returns {Promise<ArrayBuffer>} */
async function unpacked(id) {
  const text = byId(id).textContent.trim();
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).arrayBuffer();
}

const TYPES = { f64: Float64Array, f32: Float32Array, i32: Int32Array, u8: Uint8Array };

/** Columns and facts, as `blob.pack` wrote them.
 * @param {string} id @returns {Promise<{columns: Object<string, any>, facts: any}>} */
async function columnsOf(id) {
  const buffer = await unpacked(id);
  const headerLength = new DataView(buffer).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, headerLength)));
  const body = new Uint8Array(buffer, 4 + headerLength);
  /** @type {Object<string, any>} */
  const columns = {};
  for (const [name, entry] of Object.entries(header.columns)) {
    const array = new TYPES[entry.type](entry.length);
    const bytes = new Uint8Array(array.buffer);
    const size = array.BYTES_PER_ELEMENT;
    for (let plane = 0, from = entry.offset; plane < size; plane++)
      for (let at = plane, i = 0; i < entry.length; i++, at += size) bytes[at] = body[from++];
    columns[name] = array;
  }
  return { columns, facts: header.facts };
}

/** Plotly, from the page itself. @returns {Promise<any>} */
let plotlyPromise = null;
function plotly() {
  plotlyPromise ??= (async () => {
    const url = URL.createObjectURL(new Blob([await unpacked("data-plotly")], { type: "text/javascript" }));
    await new Promise((done, failed) => {
      const script = element("script", { src: url });
      script.onload = done;
      script.onerror = failed;
      document.head.append(script);
    });
    URL.revokeObjectURL(url);
    return window.Plotly;
  })();
  return plotlyPromise;
}

/** Trades: columns and facts. @type {any} */
let T = null;
/** Bars and decisions, null until they are unpacked. @type {any} */
let D = null;

/** A column of the learned trades of a version. @param {number} version @param {string} name */
const own = (version, name) => T.columns[`${version}.${name}`];
/** A column of a baseline's trades. @param {string} policy @param {string} name */
const baseline = (policy, name) => T.columns[`policy.${policy}.${name}`];
/** A column of the decisions of a version. @param {number} version @param {string} name */
const decided = (version, name) => D.columns[`${version}.${name}`];

/** A column in the unit of results. @param {string} name */
const inUnit = (name) => `${name}_${T.facts.unit.name}`;
/** Digits of a single result; a mean has one more. */
const unitDigits = () => T.facts.unit.digits - 1;

/** Digits of a price: a tenth of what is hardly a difference (of a pip, where there are pips). */
const priceDigits = () => Math.max(0, Math.round(-Math.log10(T.facts.grain)) + 1);
/** @param {number} price */
const priced = (price) => plain(price, priceDigits()).replaceAll(",", "");

/** Actions and reasons are records from Python: names, colours, markers. @param {number} id */
const actionOf = (id) => T.facts.actions[id];
/** @param {number} id */
const reasonOf = (id) => T.facts.reasons[id];
/** Of all actions the first holds: it asks for nothing. */
const HOLD = 0;

/** Where in its bar a fill is drawn, from -0.5 (open) to 0.5 (close); a stop inside the bar in its middle.
 * @param {{filled: string}} reason @param {boolean} gapped */
function placeInBar(reason, gapped) {
  if (reason.filled === "order") return T.facts.order_fill === "bar_close" ? 0.42 : -0.42;
  if (reason.filled === "close") return 0.42;
  return gapped ? -0.42 : 0;
}

/** Fills of a trade. @param {number} version @param {number} i */
function fillsOf(version, i) {
  const offsets = own(version, "fill_offsets");
  const fills = [];
  for (let f = offsets[i]; f < offsets[i + 1]; f++) {
    const reason = reasonOf(own(version, "fill_reason")[f]);
    const gap = own(version, inUnit("fill_gap"))[f];
    const bar = own(version, "fill_bar")[f];
    fills.push({
      bar, gap, reason: reason.name, filled: reason.filled, marker: reason.marker, x: bar + placeInBar(reason, gap > 0),
      price: own(version, "fill_price")[f], size: own(version, "fill_size")[f],
    });
  }
  return fills;
}

/** The stop's path: levels in force, each from the left edge of its bar; it ends where the trade does.
 * @param {number} version @param {number} i @returns {{x: number[], y: number[]}} corners */
function stopPathOf(version, i) {
  const offsets = own(version, "stop_offsets");
  const bars = own(version, "stop_bar"), prices = own(version, "stop_price");
  const last = fillsOf(version, i).at(-1);
  const end = last.filled === "order" ? Math.floor(last.bar + (last.x > last.bar ? 1 : 0)) - 0.5 : Math.max(last.x, last.bar - 0.5);
  const x = [], y = [];
  for (let p = offsets[i]; p < offsets[i + 1]; p++) {
    const from = bars[p] - 0.5;
    if (from > end || (from === end && p > offsets[i])) break;
    const to = p + 1 < offsets[i + 1] ? Math.min(bars[p + 1] - 0.5, end) : end;
    x.push(from, to);
    y.push(prices[p], prices[p]);
  }
  return { x, y };
}
