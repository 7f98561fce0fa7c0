/* Start of a diagnosis: a page of tables and pictures, without decisions. */

async function start() {
  startTheme(redrawPictures);
  startTables();
  T = await columnsOf("data-figures");
  startForensics();
  startPictures();
  addEventListener("beforeprint", drawEveryPicture);
  document.body.dataset.ready = String(Math.round(performance.now()));
}

start();
