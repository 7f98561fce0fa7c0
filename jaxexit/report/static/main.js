/* Start: trades first, so that a reader can read; bars, decisions and pictures follow. */

let detailsArrived;
/** Fulfilled when bars and decisions are unpacked. @type {Promise<void>} */
const detailsReady = new Promise((resolve) => (detailsArrived = resolve));

function frame() {
  return new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
}

async function start() {
  startTheme(() => {
    redrawPictures();
    if (byId("trade").open) toStep(open_.step);
  });
  startTables();
  T = await columnsOf("data-trades");
  startForensics();
  startFilters();
  startTrade();
  addEventListener("scroll", () => layCards(), { passive: true });
  let width = innerWidth;
  addEventListener("resize", () => {
    if (innerWidth !== width) layCards(true);
    else layCards();
    width = innerWidth;
  });
  addEventListener("beforeprint", () => { printList(); if (D) drawEveryPicture(); });
  document.body.dataset.usable = String(Math.round(performance.now()));
  await frame();
  D = await columnsOf("data-details");
  detailsArrived();
  drawWaitingCards();
  startPictures();
  document.body.dataset.ready = String(Math.round(performance.now()));
  const wanted = decodeURIComponent(location.hash).match(/^#trade-(.+)$/);
  const asked = wanted ? T.facts.ids.indexOf(wanted[1]) : -1;
  if (asked >= 0) openTrade(asked);
}

start();
