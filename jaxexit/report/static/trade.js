/* One trade, open: chart, playback, what moved the decision, and the same numbers as tables. */

/** @type {{i: number, v: number, step: number, timer: number}} */
const open_ = { i: -1, v: 0, step: 0, timer: 0 };

const decisionCount = () => decided(open_.v, "offsets")[open_.i + 1] - decided(open_.v, "offsets")[open_.i];
const isOver = () => open_.step >= decisionCount();

/** @param {number} i */
async function openTrade(i) {
  await detailsReady;
  open_.i = i;
  open_.v = 0;
  byId("version").value = "0";
  if (!byId("trade").open) byId("trade").showModal();
  history.replaceState(null, "", `#trade-${encodeURIComponent(T.facts.ids[i])}`);
  pause();
  toStep(decisionCount());
}

function closeTrade() {
  pause();
  history.replaceState(null, "", location.pathname + location.search);
  const place = shown.indexOf(open_.i);
  laid.get(place)?.querySelector("button").focus();
}

/** The trade after or before this one, in the order of the list. @param {number} by */
function neighbour(by) {
  const place = shown.indexOf(open_.i) + by;
  if (place >= 0 && place < shown.length) openTrade(shown[place]);
}

function pause() {
  clearInterval(open_.timer);
  open_.timer = 0;
  byId("play").textContent = "\u25b6 Play";
}

function playOrPause() {
  if (open_.timer) return pause();
  if (isOver()) toStep(0);
  byId("play").textContent = "\u23f8 Pause";
  open_.timer = setInterval(() => {
    if (isOver()) return pause();
    toStep(open_.step + 1);
  }, Number(byId("speed").value));
}

/** Show a decision, or (the last step) the whole trade. @param {number} step */
async function toStep(step) {
  const count = decisionCount();
  open_.step = Math.max(0, Math.min(count, step));
  delete byId("trade").dataset.shown;
  const { i, v } = open_;
  const over = isOver();
  if (over) pause();
  byId("step").max = String(count);
  byId("step").value = String(open_.step);
  byId("trade").dataset.step = over ? "over" : String(open_.step);
  const place = shown.indexOf(i);
  byId("previous").disabled = place <= 0;
  byId("next").disabled = place < 0 || place >= shown.length - 1;
  byId("trade-title").textContent = `${titleOf(i)} \u00b7 in ${moment(T.columns.entry_time[i])}${over ? ` \u00b7 out ${moment(own(v, "exit_time")[i])} UTC` : " UTC"}`;
  // While the trade is played nothing on the page may know how it ends.
  byId("trade-total").replaceChildren(over ? totalTable(i, false) : element("p", { class: "small" }, "The result is shown at the end of the playback."));
  byId("moment").textContent = momentText();
  showInsight();
  showTradeTables();
  const { traces, layout } = chartAt(i, v, open_.step, byId("indicators").checked);
  const Plotly = await plotly();
  await Plotly.react(byId("chart"), traces, layout, PLOT_OPTIONS);
  if (open_.i === i && open_.v === v && byId("trade").dataset.step === (over ? "over" : String(open_.step))) byId("trade").dataset.shown = byId("trade").dataset.step;
}

/** What happens at this step, in a sentence. @returns {string} */
function momentText() {
  const { i, v, step } = open_;
  if (isOver()) {
    const best = hindsightOf(i);
    const parts = fillsOf(v, i).map((fill) => `${fill.reason} ${percent(fill.size, 0)} at ${priced(fill.price)}${fill.gap > 0 ? ` (${plain(fill.gap, unitDigits())} ${T.facts.unit.words} beyond its stop: the market opened there)` : ""}`);
    return `Entered at ${priced(own(v, "entry_fill")[i])}, then ${parts.join(", ")}. Held ${barCount(own(v, "bars_held")[i])}.${best ? ` Best single order in hindsight: ${priced(best.price)} at bar ${best.bar - T.columns.entry_bar[i]}, ${signed(best.net, unitDigits())} ${T.facts.unit.words} net.` : ""}`;
  }
  const row = decided(v, "offsets")[i] + step;
  const action = actionOf(decided(v, "chosen")[row]).name, mask = decided(v, "fired")[row];
  return `Bar ${step}, close of ${moment(D.columns["bar.time"][T.columns.entry_bar[i] + step])}: ${signed(decided(v, inUnit("profit"))[row], unitDigits())} ${T.facts.unit.words} unrealised; chooses ${action}${mask ? `, blocked by ${rulesOf(mask)}: HOLD` : ""}.`;
}

/** Bars of numbers. @param {Array<[string, number, string, string, boolean?]>} lines label, share, text, colour */
function barsOf(lines) {
  const box = element("div", { class: "bars" });
  for (const [label, share, text, background, strong] of lines)
    box.append(element("span", strong ? { class: "is-chosen" } : {}, label),
      element("span", { class: "track" }, element("i", { style: `width:${(100 * Math.max(0, Math.min(1, share))).toFixed(1)}%;background:${background}` })),
      element("span", { class: `number${strong ? " is-chosen" : ""}` }, text));
  return box;
}

/** What the network says at this step. */
function showInsight() {
  const { i, v } = open_;
  const step = Math.min(open_.step, decisionCount() - 1);
  const row = decided(v, "offsets")[i] + step;
  const chosen = decided(v, "chosen")[row];
  const groups = D.facts.groups[v];
  const gradient = groups.map((_, g) => decided(v, `g${g}`)[row]);
  const total = gradient.reduce((sum, value) => sum + value, 0) || 1;
  const term = (text, tip) => element("span", { class: "term", tabindex: 0, "data-tip": tip }, text);
  const figure = (label, tip, text) => element("div", {}, element("dt", {}, term(label, tip)), element("dd", {}, text));
  byId("insight").replaceChildren(
    element("h3", {}, `Decision at bar ${step}`),
    barsOf(T.facts.actions.map(({ name, colour: fill }, a) => [name, decided(v, `p${a}`)[row], percent(decided(v, `p${a}`)[row]), fill, a === chosen])),
    element("dl", { class: "three" },
      figure("confidence", "Probability of the action that was chosen.", percent(decided(v, `p${chosen}`)[row])),
      figure("entropy", `Of the probabilities, in nats: 0 is certain, ${plain(Math.log(T.facts.actions.length))} is no preference at all.`, plain(decided(v, "entropy")[row])),
      figure("value", `${T.facts.value[v]}, in units of the reward (not of money).`, signed(decided(v, "value")[row]))),
    element("h3", {}, term("What would move this decision", "Length of the gradient of log p(chosen action) with respect to the observations of a group, and its share of the sum. It says how strongly a small change there would change the choice, not why the market moved. Observations are dimensionless and clipped to -10 to 10.")),
    barsOf(groups.map((name, g) => [name, gradient[g] / total, percent(gradient[g] / total, 0), "var(--accent)", false]).sort((a, b) => b[1] - a[1])));
}

function showTradeTables() {
  const { i, v } = open_;
  const count = decisionCount(), over = isOver();
  const from = decided(v, "offsets")[i], until = from + Math.min(open_.step + 1, count);
  const c = (name, row) => decided(v, name)[row];
  const rows = [];
  let costs = 0;
  for (let row = from; row < until; row++) {
    const chosen = c("chosen", row);
    // What a decision brought is booked in the bar after it: not known yet at the decision itself.
    const known = over || row < until - 1;
    const reward = D.facts.terms.reduce((sum, name) => sum + c(`r.${name}`, row), 0);
    costs += c(inUnit("costs"), row);
    rows.push([
      String(c("k", row)), moment(D.columns["bar.time"][T.columns.entry_bar[i] + c("k", row)]), actionOf(chosen).name, c("fired", row) ? rulesOf(c("fired", row)) : "",
      [signed(c(inUnit("profit"), row), unitDigits()), signClass(c(inUnit("profit"), row))], priced(c("stop", row)), percent(c(`p${chosen}`, row)), plain(c("entropy", row)), signed(c("value", row)),
      known ? [signed(c(inUnit("booked"), row), unitDigits()), signClass(c(inUnit("booked"), row))] : "", known ? plain(c(inUnit("costs"), row), unitDigits()) : "", known ? percent(c("remaining", row), 0) : "", known ? signed(reward, 3) : "",
    ]);
  }
  const net = own(v, inUnit("net"))[i];
  const foot = over ? ["TOTAL", "", "", "", "", "", "", "", "", [signed(net, unitDigits()), signClass(net)], plain(T.facts.costs.reduce((sum, cost) => sum + own(v, inUnit(cost))[i], 0), unitDigits()), "", ""] : null;
  const parts = [];
  if (over) {
    parts.push(tableSection("Fills", "trade-fills", [["what"], ["bar, UTC"], ["size", "Share of the original position."], ["price", "After slippage."], [`beyond the stop, ${T.facts.unit.words}`, "How far the market gapped through the stop."]],
      fillsOf(v, i).map((fill) => [fill.reason, moment(D.columns["bar.time"][fill.bar]), percent(fill.size, 0), priced(fill.price), fill.gap > 0 ? plain(fill.gap, unitDigits()) : ""])));
    const others = [...T.facts.versions.map((name, n) => [name, (column) => own(n, column)[i]]), ...T.facts.baselines.map((name) => [name, (column) => baseline(name, column)[i]])];
    parts.push(tableSection("This trade under every exit", "trade-policies", [["exit rule"], ["reason"], ["bars"], ["exit price"], [`gross ${T.facts.unit.words}`], [`net ${T.facts.unit.words}`], ["R"]],
      others.map(([name, of]) => [name === T.facts.oracle ? `${name} (not attainable)` : name, reasonOf(of("reason")).name, String(of("bars_held")), priced(of("exit_price")), signed(of(inUnit("gross")), unitDigits()), [signed(of(inUnit("net")), unitDigits()), signClass(of(inUnit("net")))], signed(of("net_r"))])));
  }
  parts.push(tableSection("Bar by bar", "trade-decisions", [
    ["bar", "Decision k, taken at the close of the k-th bar after entry."], ["bar opened, UTC"], ["chosen", "Before guards."], ["blocked by", "Rules that turned the choice into HOLD."],
    ["unrealised", "Net result if everything were closed at this close; 0 before the entry is filled."], ["stop", "In force from the coming bar on."], ["p(chosen)"], ["entropy", "Nats."], ["value", `${T.facts.value[v]}.`],
    ["booked net", "Net result realised until the next close, weighted by size."], ["costs"], ["open after"], ["reward", "Sum of all terms."]], rows, foot));
  byId("trade-tables").replaceChildren(...parts);
}

function startTrade() {
  const dialog = byId("trade");
  dialog.addEventListener("close", closeTrade);
  byId("close").addEventListener("click", () => dialog.close());
  byId("previous").addEventListener("click", () => neighbour(-1));
  byId("next").addEventListener("click", () => neighbour(1));
  byId("play").addEventListener("click", playOrPause);
  const steps = { first: () => 0, back: () => open_.step - 1, forward: () => open_.step + 1, last: () => decisionCount() };
  for (const [id, to] of Object.entries(steps)) byId(id).addEventListener("click", () => { pause(); toStep(to()); });
  byId("step").addEventListener("input", (event) => { pause(); toStep(Number(event.target.value)); });
  byId("indicators").addEventListener("change", () => toStep(open_.step));
  byId("speed").addEventListener("change", () => { if (open_.timer) { pause(); playOrPause(); } });
  byId("version").append(...T.facts.versions.map((name, n) => element("option", { value: n }, name)));
  byId("version-label").hidden = T.facts.versions.length < 2;
  byId("version").addEventListener("change", (event) => { pause(); open_.v = Number(event.target.value); toStep(decisionCount()); });
  const keys = { ArrowLeft: "back", ArrowRight: "forward", Home: "first", End: "last", n: "next", p: "previous", " ": "play" };
  document.addEventListener("keydown", (event) => {
    const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName);
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (!dialog.open) {
      if (event.key === "/" && !typing) { event.preventDefault(); byId("search").focus(); }
      return;
    }
    if (typing || (event.key === " " && event.target.tagName === "BUTTON")) return;
    const id = keys[event.key];
    if (id) { event.preventDefault(); byId(id).click(); }
  });
}
