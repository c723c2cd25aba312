// A finished render beside what it was made of: played together, in step, with the result's sound.
(() => {
  const L = window.Likeness;
  const { h, t } = L;
  const APART = 0.08; // seconds by which the two may differ before one is put right: two frames
  let shown = null;
  let closed = null;

  const seek = (time) => {
    shown.result.currentTime = time;
    if (shown.original) shown.original.currentTime = time + shown.offset;
    draw();
  };
  const follow = () => {
    if (!shown) return;
    const { result, original, offset } = shown;
    if (original && !result.paused && Math.abs(original.currentTime - result.currentTime - offset) > APART) original.currentTime = result.currentTime + offset;
    shown.bar.value = result.currentTime;
    shown.bar.style.setProperty("--share", `${result.duration ? (result.currentTime / result.duration) * 100 : 0}%`);
    shown.clock.textContent = `${L.clock(result.currentTime, 1)} / ${L.clock(result.duration || 0, 1)}`;
    if (!result.paused) requestAnimationFrame(follow);
  };
  const toggle = () => { if (shown.result.paused) shown.result.play(); else shown.result.pause(); };

  const draw = () => {
    if (!shown) return;
    const { mode, result } = shown;
    shown.screens.dataset.mode = shown.original ? mode : "result";
    const job = L.jobs.find((one) => one.id === shown.job);
    L.fill(shown.tools,
      h("button.button", { id: "result-play", "data-key": "result-play", "aria-label": t(result.paused ? "play" : "pause"), onclick: toggle }, L.icon(result.paused ? "play" : "pause")),
      shown.original ? h("span.segments", { role: "group", "aria-label": t("result.mode") }, ["both", "result", "original"].map((one) => h("button.segment", { id: `result-${one}`, "data-key": `result-${one}`,
        "aria-pressed": String(one === mode), onclick: () => { shown.mode = one; draw(); } }, t(`result.${one}`)))) : h("span.hint", {}, t("result.alone")),
      h("span.spring"),
      h("button.button", { id: "result-again", "data-key": "result-again", onclick: () => { const id = shown.job; shown.dialog.close(); L.ask({ do: "take_up", job: id }); } }, L.icon("again"), t("job.do.again")),
      job?.result?.download ? h("a.button.primary", { id: "result-download", "data-key": "result-download", href: job.result.download, download: job.result.name }, L.icon("save"), t("job.do.download")) : null);
    L.fill(shown.where, job?.result ? [t("job.path"), " ", h("code", {}, job.result.path), " · ", L.bytes(job.result.bytes)] : null);
  };

  const open = (pair) => {
    const result = h("video", { src: pair.result, playsInline: true, id: "result-video", "aria-label": t("result.result"), onplay: () => { shown.original?.play().catch(() => {}); draw(); follow(); },
      onpause: () => { shown?.original?.pause(); draw(); }, onloadedmetadata: () => { if (shown) { shown.bar.max = result.duration; follow(); } }, onended: draw });
    const original = pair.original ? h("video", { src: pair.original, playsInline: true, muted: true, id: "original-video", "aria-label": t("result.original"),
      onloadedmetadata: () => { if (shown) shown.original.currentTime = result.currentTime + pair.offset; } }) : null;
    const bar = h("input", { type: "range", min: 0, max: 1, step: 0.01, value: 0, id: "result-bar", "aria-label": t("result.bar"), oninput: (event) => seek(Number(event.target.value)) });
    const screens = h("div.screens", { "data-mode": "both" }, original ? h("figure", {}, original, h("figcaption", {}, t("result.original"))) : null,
      h("figure", {}, result, h("figcaption", {}, t("result.result"))));
    shown = { job: pair.job, result, original, offset: pair.offset, bar, screens, mode: "both", clock: h("span.clock"), tools: h("div.row.result-tools"), where: h("p.hint.where") };
    shown.dialog = L.dialogue(pair.name, h("div.result", {}, screens, h("div.row.result-line", {}, shown.clock, bar), shown.tools, shown.where), () => {
      result.pause();
      closed = pair.result;
      shown = null;
    });
    shown.dialog.classList.add("wide");
    shown.dialog.id = "result-dialogue";
    draw();
    result.play().catch(draw);
  };

  // pair: what the studio has made ready to be played.
  let asked = null;
  L.drawResult = (view) => {
    const { pair } = view;
    if (!pair) { asked = null; return; }
    if (asked !== pair.job) { asked = pair.job; closed = null; }
    if (!shown && pair.result && pair.share >= 1 && closed !== pair.result) open(pair);
  };
})();
