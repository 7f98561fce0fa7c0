/* The chart of an open trade: what the agent knew at a step, and nothing beyond it. */

/** Bars before the entry bar. */
const context = () => (innerWidth < 560 ? 12 : 30);

/** The best single order in hindsight, null where the oracle was not played. @param {number} i */
function hindsightOf(i) {
  const { oracle, baselines } = T.facts;
  if (!baselines.includes(oracle)) return null;
  return { bar: baseline(oracle, "exit_bar")[i], price: baseline(oracle, "exit_price")[i], net: baseline(oracle, inUnit("net"))[i] };
}

/** Traces and layout at a step.
 * @param {number} i trade @param {number} v version whose decisions are shown
 * @param {number} step 0..count: a decision, or (count) the end, where everything is shown
 * @param {boolean} indicators */
function chartAt(i, v, step, indicators) {
  const { side, open, high, low, close, time } = candles(i);
  const entryBar = T.columns.entry_bar[i], direction = T.columns.direction[i];
  const offsets = decided(v, "offsets"), count = offsets[i + 1] - offsets[i];
  const over = step >= count;
  const fills = fillsOf(v, i);
  const end = Math.max(...T.facts.versions.map((_, n) => fillsOf(n, i).at(-1).bar));
  const hindsight = hindsightOf(i);
  // Hindsight may be long after the trade: it is drawn where there is room, and always given in words.
  const view = end + Math.max(12, end - entryBar);
  const from = Math.max(0, entryBar - context());
  const to = over ? Math.min(open.length - 1, Math.min(Math.max(end, hindsight?.bar ?? 0) + 6, view)) : entryBar + step;
  const bars = Array.from({ length: to - from + 1 }, (_, n) => from + n);
  const k = bars.map((bar) => bar - entryBar);
  const pick = (values) => bars.map((bar) => values[bar]);
  const line = { color: colour("--candle"), width: 1 };
  const traces = [];
  const price = (extra) => ({ xaxis: "x", yaxis: "y", ...extra });
  if (indicators) {
    const band = { mode: "lines", line: { width: 0.8, color: colour("--soft") }, hoverinfo: "skip" };
    traces.push(price({ ...band, type: "scatter", name: T.facts.indicators.bands, x: k, y: pick(D.columns["bar.band_upper"]), showlegend: false }),
      price({ ...band, type: "scatter", name: `${T.facts.indicators.bands} (mid)`, x: k, y: pick(D.columns["bar.band_lower"]), fill: "tonexty", fillcolor: colour("--band") }),
      price({ type: "scatter", mode: "lines", name: T.facts.indicators.ema_fast, x: k, y: pick(D.columns["bar.ema_fast"]), line: { width: 1.2, color: "#56B4E9" }, hoverinfo: "skip" }),
      price({ type: "scatter", mode: "lines", name: T.facts.indicators.ema_slow, x: k, y: pick(D.columns["bar.ema_slow"]), line: { width: 1.2, color: "#CC79A7", dash: "dash" }, hoverinfo: "skip" }));
  }
  traces.push(price({
    type: "candlestick", name: `${side} bars`, x: k, open: pick(open), high: pick(high), low: pick(low), close: pick(close),
    increasing: { line, fillcolor: colour("--ground") }, decreasing: { line, fillcolor: colour("--candle") },
    text: bars.map((bar) => `bar ${bar - entryBar}, ${moment(time[bar])}`), showlegend: false,
  }));
  // With orders at the next open nothing has been bought at decision 0: the price is the one that was known.
  const opened = over || step > 0;
  const entry = opened ? own(v, "entry_fill")[i] : own(v, "entry_price")[i];
  const last = fills.at(-1);
  const edge = over ? last.x - entryBar : to - entryBar + 0.5;
  traces.push(price({ type: "scatter", mode: "lines", name: "entry price", x: [0.5, Math.max(edge, 1)], y: [entry, entry], line: { color: colour("--accent"), dash: "dot", width: 1.4 }, hoverinfo: "skip", showlegend: false }));
  traces.push(price({ type: "scatter", mode: "markers", name: `entry ${priced(entry)}`, x: [0.55], y: [entry], marker: { symbol: direction > 0 ? "triangle-up" : "triangle-down", size: 12, color: colour("--accent"), line: { width: 1, color: colour("--ground") } }, hovertemplate: `entry ${priced(entry)}<extra></extra>` }));
  const known = stopKnown(i, v, step, over);
  traces.push(price({ type: "scatter", mode: "lines+markers", marker: { size: 4 }, name: "stop in force", x: known.x.map((x) => x - entryBar), y: known.y, line: { color: colour("--loss"), width: 2 }, hovertemplate: "stop %{y}<extra></extra>" }));
  if (over) T.facts.versions.forEach((version, n) => {
    if (n === v) return;
    const path = stopPathOf(n, i), exit = fillsOf(n, i).at(-1);
    const grey = colour("--soft");
    traces.push(price({ type: "scatter", mode: "lines", name: `${version}: stop`, x: path.x.map((x) => x - entryBar), y: path.y, line: { color: grey, dash: "dash", width: 1.4 }, hoverinfo: "skip" }),
      price({ type: "scatter", mode: "markers", name: `${version}: ${exit.reason}`, x: [exit.x - entryBar], y: [exit.price], marker: { symbol: "circle-open", size: 13, color: grey, line: { width: 2 } }, hovertemplate: `${version}: ${exit.reason} ${priced(exit.price)}<extra></extra>` }));
  });
  const rows = Array.from({ length: Math.min(step + 1, count) }, (_, n) => offsets[i] + n);
  for (const [id, { name, colour: fill, marker }] of T.facts.actions.entries()) {
    const moved = marker ? rows.filter((row) => decided(v, "action")[row] === id) : [];
    if (moved.length) traces.push(price({ type: "scatter", mode: "markers", name, x: moved.map((row) => decided(v, "k")[row] + 0.5), y: moved.map((row) => decided(v, "stop")[row]), marker: { symbol: marker, size: 10, color: fill, line: { width: 1.6, color: fill } }, hovertemplate: `${name}: stop to %{y}<extra></extra>` }));
  }
  const blocked = rows.filter((row) => decided(v, "fired")[row] > 0);
  if (blocked.length) traces.push(price({ type: "scatter", mode: "markers", name: "blocked attempt", x: blocked.map((row) => decided(v, "k")[row] + 0.45), y: blocked.map((row) => close[entryBar + decided(v, "k")[row]]), text: blocked.map((row) => `${actionOf(decided(v, "chosen")[row]).name} blocked: ${rulesOf(decided(v, "fired")[row])}`), marker: { symbol: "circle-x-open", size: 10, color: colour("--text"), line: { width: 1.3 } }, hovertemplate: "%{text}<extra></extra>" }));
  for (const fill of fills) {
    if (!over && fill.bar > entryBar + step) continue;
    const gained = (fill.price - own(v, "entry_fill")[i]) * direction > 0;
    traces.push(price({ type: "scatter", mode: "markers+text", name: `${fill.reason} ${priced(fill.price)}`, x: [fill.x - entryBar], y: [fill.price], text: [`${fill.reason}${fill.size < 1 ? ` ${percent(fill.size, 0)}` : ""}`], textposition: fill.x - entryBar < -0.5 ? "top right" : "top center", textfont: { color: colour("--text"), size: 11 }, cliponaxis: false, marker: { symbol: fill.marker, size: 12, color: gained ? colour("--gain") : colour("--loss"), line: { width: 1.2, color: colour("--ground") } }, hovertemplate: `${fill.reason} ${priced(fill.price)}, ${percent(fill.size, 0)} of the position${fill.gap > 0 ? `, jumped the stop by ${plain(fill.gap, unitDigits())} ${T.facts.unit.words}` : ""}<extra></extra>` }));
  }
  if (over && hindsight && hindsight.bar <= to) traces.push(price({ type: "scatter", mode: "markers", name: "hindsight best", x: [hindsight.bar - entryBar + (T.facts.order_fill === "bar_close" ? 0.42 : -0.42)], y: [hindsight.price], marker: { symbol: "star-open", size: 14, color: colour("--accent"), line: { width: 1.6 } }, hovertemplate: `best single order in hindsight ${priced(hindsight.price)}<extra></extra>` }));
  T.facts.actions.forEach(({ name, colour: fill, hatching }, a) => traces.push({ type: "bar", name: `P(${name})`, xaxis: "x", yaxis: "y2", x: rows.map((row) => decided(v, "k")[row]), y: rows.map((row) => decided(v, `p${a}`)[row]), marker: { color: fill, pattern: { shape: hatching, size: 5, solidity: 0.15, fillmode: "overlay", fgcolor: colour("--ground") } }, showlegend: false, hovertemplate: `${name} %{y:.1%}<extra></extra>` }));
  return { traces, layout: chartLayout(i, v, k, bars, time, known, over, count) };
}

/** The stop's path as far as it is known at a step: the level decided there is in force in the coming bar.
 * @param {number} i @param {number} v @param {number} step @param {boolean} over */
function stopKnown(i, v, step, over) {
  const path = stopPathOf(v, i);
  if (over) return path;
  const limit = T.columns.entry_bar[i] + step + 0.5;
  const x = [], y = [];
  for (let p = 0; p < path.x.length; p += 2) {
    if (path.x[p] >= limit) break;
    x.push(path.x[p], Math.min(path.x[p + 1], limit));
    y.push(path.y[p], path.y[p + 1]);
  }
  // The stop just sent is in force from this bar's close on, unless everything is sold.
  const row = decided(v, "offsets")[i] + step;
  if (actionOf(decided(v, "action")[row]).closes !== "all") {
    x.push(limit, limit + 0.5);
    y.push(decided(v, "stop")[row], decided(v, "stop")[row]);
  }
  return { x, y };
}

/** @param {number} mask @returns {string} */
function rulesOf(mask) {
  return D.facts.rules.filter((_, bit) => (mask >> bit) & 1).join(" + ");
}

function chartLayout(i, v, k, bars, time, known, over, count) {
  const narrow = innerWidth < 560;
  const every = Math.max(1, Math.ceil(bars.length / (narrow ? 3 : 7)));
  const ticks = bars.filter((_, n) => n % every === 0);
  const usual = time.length > 2 ? [...time.slice(1, 200)].map((t, n) => t - time[n]).sort((a, b) => a - b)[Math.floor(Math.min(199, time.length - 1) / 2)] : 0;
  const pauses = bars.filter((bar, n) => n > 0 && time[bar] - time[bar - 1] > 1.5 * usual);
  return themed({
    margin: { l: 58, r: 14, t: narrow ? 8 : 26, b: 40 }, dragmode: innerWidth < 900 ? false : "zoom", hovermode: "closest", barmode: "stack", bargap: 0.15,
    legend: { orientation: "h", traceorder: "normal", x: 0, ...(narrow ? { y: -0.13, yanchor: "top", font: { size: 10 } } : { y: 1.01, yanchor: "bottom", font: { size: 11 } }) },
    xaxis: { rangeslider: { visible: false }, range: [k[0] - 0.8, over ? k.at(-1) + 1.2 : Math.max(k.at(-1) + 4, 8)], tickvals: ticks.map((bar) => bar - T.columns.entry_bar[i]), ticktext: ticks.map((bar) => `${bar - T.columns.entry_bar[i]}<br>${moment(time[bar]).slice(5)}`), anchor: "y2", showgrid: false, zeroline: false },
    yaxis: { domain: [0.25, 1], tickformat: `.${priceDigits()}f`, zeroline: false },
    yaxis2: { domain: [0, 0.2], range: [0, 1], tickformat: ".0%", title: { text: "P(action)" }, zeroline: false },
    shapes: [
      { type: "line", xref: "x", yref: "y domain", x0: 0.5, x1: 0.5, y0: 0, y1: 1, line: { color: colour("--accent"), width: 1, dash: "dot" } },
      ...pauses.map((bar) => ({ type: "line", xref: "x", yref: "y domain", x0: bar - T.columns.entry_bar[i] - 0.5, x1: bar - T.columns.entry_bar[i] - 0.5, y0: 0, y1: 1, line: { color: colour("--soft"), width: 1, dash: "dashdot" } })),
    ],
    annotations: pauses.slice(-6).map((bar) => ({ xref: "x", yref: "y domain", x: bar - T.columns.entry_bar[i] - 0.5, y: 0, yanchor: "bottom", xanchor: bar - bars[0] > bars.length / 2 ? "right" : "left", showarrow: false, font: { size: 10, color: colour("--soft") }, text: `closed ${plain((time[bar] - time[bar - 1] - usual) / 3600000, 1)} h` })),
  });
}
