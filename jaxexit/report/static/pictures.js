/* The pictures: Plotly figures from Python, in the page's own colours, drawn as they come into view. */

/** @param {string} name of a custom property @returns {string} */
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

const PLOT_OPTIONS = { displayModeBar: false, responsive: true };

/** A layout in the theme's colours. @param {any} layout */
function themed(layout) {
  const made = structuredClone(layout);
  Object.assign(made, {
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", separators: ".,",
    font: { family: "system-ui, sans-serif", size: 12, color: colour("--text") },
    hoverlabel: { bgcolor: colour("--raised"), bordercolor: colour("--line"), font: { color: colour("--text") } },
  });
  for (const key of new Set([...Object.keys(made).filter((name) => /^[xy]axis/.test(name)), "xaxis", "yaxis"]))
    made[key] = { ...made[key], gridcolor: colour("--line"), linecolor: colour("--line"), zerolinecolor: colour("--soft"), zerolinewidth: 1.2, tickfont: { color: colour("--soft") } };
  return made;
}

/** @param {HTMLElement} box */
async function drawPicture(box) {
  const Plotly = await plotly();
  const figure = T.facts.figures[box.dataset.figure];
  const plot = box.querySelector(".plot");
  const layout = themed(figure.layout);
  delete layout.height;
  if (innerWidth < 560) layout.legend = { ...layout.legend, font: { size: 10 } };
  await Plotly.react(plot, structuredClone(figure.data), layout, PLOT_OPTIONS);
  if (!box.dataset.drawn && box.dataset.figure === "excursion")
    plot.on("plotly_click", (event) => { const i = event.points[0]?.customdata; if (Number.isInteger(i)) openTrade(i); });
  box.dataset.drawn = "yes";
}

/** The numbers behind a picture, made when asked for. @param {HTMLElement} box */
function picturedNumbers(box) {
  const details = box.querySelector(".numbers");
  if (details.querySelector("table")) return;
  const rows = [];
  for (const trace of T.facts.figures[box.dataset.figure].data)
    (trace.x ?? []).forEach((x, p) => rows.push([trace.name ?? "", String(x), typeof trace.y[p] === "number" ? plain(trace.y[p], 3) : String(trace.y[p])]));
  const made = tableSection(`${box.querySelector("h3").textContent}: numbers`, `numbers-${box.dataset.figure}`, [["series"], ["x"], ["y"]], rows);
  details.append(made);
}

function startPictures() {
  const boxes = [...document.querySelectorAll("[data-figure]")];
  const seen = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries)
      if (isIntersecting) { seen.unobserve(target); drawPicture(target); }
  }, { rootMargin: "300px" });
  for (const box of boxes) {
    seen.observe(box);
    box.querySelector(".numbers").addEventListener("toggle", () => picturedNumbers(box));
  }
}

/** For paper: those that nobody has scrolled to are drawn too. */
function drawEveryPicture() {
  for (const box of document.querySelectorAll("[data-figure]:not([data-drawn])")) drawPicture(box);
}

function redrawPictures() {
  for (const box of document.querySelectorAll("[data-figure][data-drawn]")) drawPicture(box);
}
