/* Tables: made from rows, copied as CSV; definitions that appear on hover and on focus. */

/** What a spreadsheet would compute begins with an apostrophe; numbers do not, negative ones neither: as names.cell.
 * @param {string} text */
const csvSafe = (text) => (/^\s*[=+\-@\t\r\uff1d\uff0b\uff0d\uff20\u2212]/.test(text) &&
  !/^[+\-\u2212]?[\d.,]+([eE][+-]?\d+)?%?( ?[(/]? ?(to )?[+\-\u2212]?[\d.,]+%?\)?)*( [A-Za-z]{1,8})?$/.test(text.trim()) ? `'${text}` : text);
/** @param {string} text */
const csvField = (text) => {
  const safe = csvSafe(text);
  return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
};
/** Numbers that a spreadsheet reads: an ASCII minus, no thousands. @param {string} text */
const csvText = (text) => csvField(text.replaceAll(MINUS, "-").replace(/^[+-]?[\d,]+(\.\d+)?$/, (n) => n.replaceAll(",", "").replace(/^\+/, "")));

/** @param {HTMLTableElement} table @returns {string} */
function tableAsCsv(table) {
  const cellText = (cell) => [...cell.childNodes].map((node) => node.textContent.trim()).filter(Boolean).join(" ");
  return [...table.rows].map((row) => [...row.cells].map((cell) => csvText(cellText(cell))).join(",")).join("\n") + "\n";
}

/** @param {string} text */
async function copy(text) {
  window.copied = text;
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const area = element("textarea");
    area.value = text;
    (document.querySelector("dialog[open]") ?? document.body).append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  say(`Copied ${text.trimEnd().split("\n").length - 1} rows`);
}

/** @param {string} text */
function say(text) {
  const said = byId("said");
  said.textContent = text;
  clearTimeout(say.timer);
  say.timer = setTimeout(() => (said.textContent = ""), 2500);
}

/** A heading with a table under it, and its CSV button. Cells are text, or [text, class].
 * @param {string} title @param {string} id @param {Array<[string, string?]>} head label and definition
 * @param {any[][]} rows first cell is the row's header @param {any[]|null} foot @returns {HTMLElement} */
function tableSection(title, id, head, rows, foot = null) {
  const cell = (content, index) => {
    const [text, kind] = Array.isArray(content) ? content : [content, ""];
    const made = index === 0 ? element("th", { scope: "row" }, text) : element("td", {}, text);
    if (kind) made.className = kind;
    return made;
  };
  const line = (cells) => element("tr", {}, ...cells.map(cell));
  const table = element("table", { id },
    element("thead", {}, element("tr", {}, ...head.map(([label, tip]) => element("th", { scope: "col" },
      tip ? element("span", { class: "term", tabindex: 0, "data-tip": tip }, label) : label)))),
    element("tbody", {}, ...rows.map(line)));
  if (foot) table.append(element("tfoot", {}, line(foot)));
  return element("div", {},
    element("div", { class: "heading" }, element("h3", {}, title),
      element("button", { type: "button", class: "csv", "data-table": id }, "Copy as CSV")),
    element("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": title }, table));
}

function startTables() {
  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("button.csv");
    if (button) copy(tableAsCsv(byId(button.dataset.table)));
  });
  const tip = byId("tip");
  const show = (target) => {
    // A modal dialog covers everything but its content.
    (target.closest("dialog") ?? document.body).append(tip);
    tip.textContent = target.dataset.tip;
    tip.hidden = false;
    target.setAttribute("aria-describedby", "tip");
    const at = target.getBoundingClientRect();
    const below = at.bottom + tip.offsetHeight + 12 < innerHeight;
    tip.style.top = `${below ? at.bottom + 6 : at.top - tip.offsetHeight - 6}px`;
    tip.style.left = `${Math.max(12, Math.min(at.left, innerWidth - tip.offsetWidth - 12))}px`;
  };
  const hide = () => (tip.hidden = true);
  for (const kind of ["mouseover", "focusin"])
    document.addEventListener(kind, (event) => {
      const target = event.target.closest?.("[data-tip]");
      if (target) show(target);
    });
  for (const kind of ["mouseout", "focusout"]) document.addEventListener(kind, hide);
  document.addEventListener("scroll", hide, { capture: true, passive: true });
}
