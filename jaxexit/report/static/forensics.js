/* Forensics: of several policies one is shown at a time. */

function startForensics() {
  const which = byId("forensics-policy");
  if (!which) return;
  const parts = [...document.querySelectorAll("[data-forensics]")];
  which.addEventListener("input", () => {
    for (const part of parts) part.hidden = part.dataset.forensics !== which.value;
  });
}
