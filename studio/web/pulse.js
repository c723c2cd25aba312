// Whether the studio still answers. It may be ended in its terminal while a page of it stays open.
(() => {
  const L = window.Likeness;
  const EVERY = 5000; // milliseconds: soon enough to be told before much is done in vain
  const NOTE = "likeness.restarted";
  L.lost = false;
  L.restarted = false;
  let looking = false;

  const note = (set) => {
    try {
      if (set) sessionStorage.setItem(NOTE, "1");
      const was = sessionStorage.getItem(NOTE) !== null;
      if (!set) sessionStorage.removeItem(NOTE);
      return was;
    } catch { return false; } // private windows refuse
  };

  // A busy studio takes its time; only one that is not there refuses at once.
  L.pulse = async () => {
    if (looking) return;
    looking = true;
    try {
      await fetch("healthz", { cache: "no-store" });
      if (L.lost) location.reload(); // what this page showed is gone with the studio that held it
    } catch {
      if (!L.lost) {
        L.lost = true;
        note(true);
        L.redraw();
      }
    }
    looking = false;
  };
  L.restarted = note(false);
  setInterval(() => { if (!document.hidden) L.pulse(); }, EVERY);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) L.pulse(); });
})();
