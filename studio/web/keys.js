// Keys. Typing in a field, and keys that a focused control uses itself, are left alone.
(() => {
  const L = window.Likeness;
  const { h, t } = L;
  const CLIP = [["Space", "key.play"], ["← →", "key.frames"], ["Shift ← →", "key.seconds"], ["J K L", "key.shuttle"], ["Home End", "key.ends"],
    ["I O", "key.trim"], ["S", "key.split"], ["P", "key.preview"], ["N Shift+N", "key.finding"], ["M", "mend"], ["B", "key.hold_b"], ["Ctrl+Enter", "key.render"]];
  const LIST = [["Space", "key.space"], ["Ctrl+Z", "undo"], ["Ctrl+Y", "redo"], ["Ctrl+S", "key.save"], ["Ctrl+V", "key.paste"],
    ["← →", "key.compare"], ["1 – 9", "key.person"], ["F", "key.fit"], ["Z", "key.zoom"], ["Esc", "key.escape"], ["?", "keys"]];

  let held = false;

  const NOT_ON_CLIP = ["key.space", "key.save"];
  const list = () => (L.screen === "clip" ? [...CLIP, ...LIST.filter(([, words]) => !NOT_ON_CLIP.includes(words))] : LIST);
  L.showKeys = () => L.dialogue(t("keys"), h("dl.keys", {}, list().map(([key, words]) => [h("dt", {}, h("kbd", {}, key)), h("dd", {}, t(words))])));

  const typing = (event) => event.target.closest?.("input:not([type=range]):not([type=checkbox]), textarea, select, dialog, .menu");
  const onClip = () => L.screen === "clip" && L.clipOpen();
  const board = () => L.screen === "image" && document.getElementById("stage")?.hidden === false;
  // The board of the screen that is looked at.
  const named = (id) => document.getElementById(`${L.screen === "clip" ? "clip-" : ""}${id}`);

  // On the Clip screen; keys that a focused control uses itself never come here.
  const transport = {
    ArrowLeft: (shift) => (shift ? L.player.stepSeconds(-1) : L.player.step(-1)),
    ArrowRight: (shift) => (shift ? L.player.stepSeconds(1) : L.player.step(1)),
    Home: () => L.player.seek(0),
    End: () => L.player.seek(L.views.clip.clip.frames - 1),
    j: () => L.player.shuttle(-1),
    k: () => L.player.pause(),
    l: () => L.player.shuttle(1),
    i: () => L.setTrim("in"),
    o: () => L.setTrim("out"),
    s: () => L.ask({ do: "split", frame: L.player.state.frame }),
    p: () => L.previewSpan(),
    n: (shift) => L.nextFinding(shift ? -1 : 1),
    m: () => { if (L.mayEdit()) L.openMend(); },
  };
  const usesArrows = (element) => element.matches?.("input[type=range], [role=slider]:not(#playhead), [role=application]");

  const commands = {
    "?": () => L.showKeys(),
    f: () => (L.screen === "clip" ? L.zoomClip("fit") : document.getElementById("zoom-fit")?.click()),
    z: () => {
      if (L.screen === "clip") { L.zoomClip("closer"); return; }
      (document.getElementById("zoom-1")?.getAttribute("aria-pressed") === "true" ?
        document.getElementById("zoom-2") : document.getElementById("zoom-1"))?.click();
    },
  };

  document.addEventListener("pointerdown", () => { document.documentElement.dataset.input = "pointer"; }, true);
  document.addEventListener("keydown", (event) => {
    if (["Tab", "Enter", "ArrowUp", "ArrowDown"].includes(event.key)) document.documentElement.dataset.input = "keys";
    if (typing(event)) return;
    const command = event.ctrlKey || event.metaKey;
    const key = event.key.toLowerCase();
    if (command && key === "z") { event.preventDefault(); L.ask({ do: event.shiftKey ? "redo" : "undo" }); return; }
    if (command && key === "y") { event.preventDefault(); L.ask({ do: "redo" }); return; }
    if (command && key === "s") { event.preventDefault(); if (L.screen === "image") L.save(); return; }
    if (command && event.key === "Enter") { event.preventDefault(); L.renderDialogue(); return; }
    if (command || event.altKey) return;
    if (onClip()) {
      if (event.key === " ") {
        if (document.documentElement.dataset.input === "keys" && event.target.matches?.("button, a, input, summary")) return;
        event.preventDefault();
        if (!event.repeat) L.togglePlay();
        return;
      }
      if (key === "b") { event.preventDefault(); held = true; L.showOriginal(true); return; }
      const move = transport[event.key.length === 1 ? key : event.key];
      if (move && !(event.key.length > 1 && usesArrows(event.target))) {
        event.preventDefault();
        if (key !== "p") L.closeSpan();
        move(event.shiftKey);
        return;
      }
    }
    if (event.key === " " && board()) {
      // Space presses a button that was reached by keyboard; after a click it shows the original instead.
      if (document.documentElement.dataset.input === "keys" && event.target.matches?.("button, a, input, summary")) return;
      event.preventDefault();
      held = true;
      L.showOriginal(true);
      return;
    }
    if (/^[1-9]$/.test(event.key)) {
      const chip = named(`face-${event.key}`);
      if (chip) { event.preventDefault(); L.choose(chip, Number(event.key)); }
      return;
    }
    if (commands[event.key] && !event.target.closest?.("input")) { event.preventDefault(); commands[event.key](); }
  });
  document.addEventListener("keyup", (event) => {
    if (!held || (event.key !== " " && event.key.toLowerCase() !== "b")) return;
    event.preventDefault();
    held = false;
    L.showOriginal(false);
  });
  window.addEventListener("blur", () => L.showOriginal(false));
})();
window.LikenessReady = true;
