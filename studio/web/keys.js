// Keys. Typing in a field, and keys that a focused control uses itself, are left alone.
(() => {
  const L = window.Likeness;
  const { h, t } = L;
  const LIST = [["Space", "key.space"], ["Ctrl+Z", "undo"], ["Ctrl+Y", "redo"], ["Ctrl+S", "key.save"], ["Ctrl+V", "key.paste"],
    ["← →", "key.compare"], ["1 – 9", "key.person"], ["F", "key.fit"], ["Z", "key.zoom"], ["Esc", "key.escape"], ["?", "keys"]];

  let held = false;

  L.showKeys = () => L.dialogue(t("keys"), h("dl.keys", {}, LIST.map(([key, words]) => [h("dt", {}, h("kbd", {}, key)), h("dd", {}, t(words))])));

  const typing = (event) => event.target.closest?.("input:not([type=range]):not([type=checkbox]), textarea, select, dialog, .menu");
  const board = () => document.getElementById("stage")?.hidden === false;

  const commands = {
    "?": () => L.showKeys(),
    f: () => document.getElementById("zoom-fit")?.click(),
    z: () => (document.getElementById("zoom-1")?.getAttribute("aria-pressed") === "true" ?
      document.getElementById("zoom-2") : document.getElementById("zoom-1"))?.click(),
  };

  document.addEventListener("pointerdown", () => { document.documentElement.dataset.input = "pointer"; }, true);
  document.addEventListener("keydown", (event) => {
    if (["Tab", "Enter", "ArrowUp", "ArrowDown"].includes(event.key)) document.documentElement.dataset.input = "keys";
    if (typing(event)) return;
    const command = event.ctrlKey || event.metaKey;
    const key = event.key.toLowerCase();
    if (command && key === "z") { event.preventDefault(); L.ask({ do: event.shiftKey ? "redo" : "undo" }); return; }
    if (command && key === "y") { event.preventDefault(); L.ask({ do: "redo" }); return; }
    if (command && key === "s") { event.preventDefault(); L.save(); return; }
    if (command || event.altKey) return;
    if (event.key === " " && board()) {
      // Space presses a button that was reached by keyboard; after a click it shows the original instead.
      if (document.documentElement.dataset.input === "keys" && event.target.matches?.("button, a, input, summary")) return;
      event.preventDefault();
      held = true;
      L.showOriginal(true);
      return;
    }
    if (/^[1-9]$/.test(event.key)) {
      const chip = document.getElementById(`face-${event.key}`);
      if (chip) { event.preventDefault(); L.choose(chip, Number(event.key)); }
      return;
    }
    if (commands[event.key] && !event.target.closest?.("input")) { event.preventDefault(); commands[event.key](); }
  });
  document.addEventListener("keyup", (event) => {
    if (event.key !== " " || !held) return;
    event.preventDefault();
    held = false;
    L.showOriginal(false);
  });
  window.addEventListener("blur", () => L.showOriginal(false));
})();
window.LikenessReady = true;
