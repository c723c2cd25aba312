// Before a render: what it will take, where it goes, and how it is written.
(() => {
  const L = window.Likeness;
  const { h, t } = L;
  let open = null;
  let path = null;
  let replace = false;
  let sent = false;

  L.renderWords = (view) => (view.estimate ? t("render.about", { time: L.duration(view.estimate.seconds) }) : t("render"));

  const row = (label, value, id) => [h("dt", {}, label), h("dd", { id }, value)];
  const estimate = (view) => {
    const known = view.estimate;
    if (!known) return h("p.hint", { role: "status" }, t(view.estimating ? "stage.estimating" : "estimate.none"));
    const short = known.bytes > known.free;
    const made = known.frames - known.copied;
    return h("dl.estimate", { id: "estimate" },
      row(t("estimate.time"), t("estimate.of", { time: L.duration(known.seconds), frames: made, each: Math.max(1, Math.round(known.seconds / Math.max(made, 1) * 1000)) })),
      known.copied ? row(t("estimate.copied"), t(known.copied === 1 ? "estimate.copied.one" : "estimate.copied.of", { n: known.copied }), "estimate-copied") : null,
      row(t("estimate.size"), t("estimate.about", { size: L.bytes(known.bytes) })),
      row(t("estimate.free"), h(`span${short ? ".problem" : ""}`, {}, short ? L.icon("warning") : null, L.bytes(known.free), short ? ` · ${t("estimate.short")}` : "")));
  };

  const set = (view, change) => L.ask({ do: "clip_output", settings: { ...view.output.settings, ...change } });
  const field = (id, label, options, now, change, help = null) => h("label.field", { title: help }, h("span", {}, label),
    h("select", { id, "data-key": id, onchange: (event) => change(event.target.value) },
      options.map(([value, words]) => h("option", { value, selected: String(value) === String(now ?? "") }, words))));

  const HEIGHTS = [2160, 1440, 1080, 720, 540, 360];
  const RATES = ["24", "25", "30", "50", "60"];
  const QUALITY = [[-4, "quality.best"], [0, "quality.usual"], [5, "quality.smaller"], [10, "quality.smallest"]];

  const options = (view) => {
    const { output } = view;
    const now = output.settings;
    const container = output.containers.find((one) => one.name === (now.container ?? output.own)) ?? output.containers[0];
    const codec = now.codec ?? container.codecs[0];
    const usual = output.crf[codec];
    return h("div.options", {},
      field("output-container", t("output.container"), output.containers.map((one) => [one.name === output.own ? "" : one.name,
        one.name === output.own ? t("output.as_clip", { name: one.title }) : one.title]), now.container,
      (value) => set(view, { container: value || null, codec: null, crf: null })),
      field("output-codec", t("output.codec"), [["", t("output.usual")], ...container.codecs.map((one) => [one, output.codecs[one]])], now.codec,
        (value) => set(view, { codec: value || null, crf: null })),
      usual === null || usual === undefined ? null : field("output-quality", t("output.quality"), QUALITY.map(([step, words]) => [step ? Math.max(0, usual + step) : "", t(words)]), now.crf,
        (value) => set(view, { crf: value === "" ? null : Number(value), codec: now.codec ?? (value === "" ? null : codec) })),
      field("output-height", t("output.height"), [["", output.larger ? t("output.as_effects", { value: output.height }) : t("output.as_clip_plain", { value: output.height })], ...HEIGHTS.filter((one) => one < output.height).map((one) => [one, t("output.lines", { n: one })])], now.height,
        (value) => set(view, { height: value ? Number(value) : null })),
      field("output-fps", t("output.fps"), [["", t("output.as_clip_plain", { value: Number(output.rate.toFixed(2)) })], ...RATES.map((one) => [one, one])], now.fps,
        (value) => set(view, { fps: value || null }), t("output.fps.help")),
      output.sound ? L.toggle({ id: "output-sound", label: t("output.sound"), value: now.sound, set: (sound) => set(view, { sound }) }) : null,
      output.hdr ? L.toggle({ id: "output-sdr", label: t("output.sdr"), value: now.sdr, set: (sdr) => set(view, { sdr }) }) : null,
      output.interlaced ? L.toggle({ id: "output-deinterlace", label: t("output.deinterlace"), value: now.deinterlace, set: (deinterlace) => set(view, { deinterlace }) }) : null,
      output.can_copy ? [L.toggle({ id: "output-smart", label: t("output.smart"), value: now.smart, set: (smart) => set(view, { smart }) }), h("p.hint", {}, t("output.smart.help"))] : null);
  };

  const body = (view) => [
    estimate(view), L.notices(view.notices),
    !L.isOwner() ? null : h("label.field.column", {}, h("span", {}, t("render.where")),
      h("input.text", { id: "render-path", "data-key": "render-path", type: "text", spellcheck: false, autocomplete: "off", value: path ?? view.output.path,
        oninput: (event) => { path = event.target.value.trim() || null; } })),
    h("details.output-options", { open: Boolean(open?.options), ontoggle: (event) => { if (open) open.options = event.target.open; } },
      h("summary", { "data-key": "output-options", id: "output-options" }, t("render.options")), options(view)),
    L.views.clip?.anonymises ? h("p.hint", {}, t("render.anonymised")) : h("p.hint", {}, t("render.marked")),
    L.isOwner() ? L.toggle({ id: "render-replace", label: t("render.replace"), value: replace, set: (on) => { replace = on; } }) : null,
    h("div.row.end", {}, h("button.button.primary", { id: "render-start", "data-key": "render-start", disabled: !view.can_render, onclick: start }, L.renderWords(view))),
  ];
  const start = () => {
    if (!open) return;
    sent = { jobs: L.jobs.length };
    L.ask({ do: "render", output: path, overwrite: replace });
    L.lookAtJobs();
    [200, 600, 1500].forEach((wait) => setTimeout(L.lookAtJobs, wait));
  };

  L.drawRender = () => {
    const view = L.views.bar;
    if (!open || !view?.output) return;
    if (sent && L.jobs.length > sent.jobs) { sent = false; open.dialog.close(); return; }
    L.fill(open.content, body(view));
  };
  L.renderDialogue = () => {
    const view = L.views.bar;
    if (L.screen !== "clip" || !view?.can_render) return;
    if (open) { start(); return; }
    path = null;
    replace = false;
    sent = false;
    const content = h("div.render-body");
    open = { content, options: false };
    open.dialog = L.dialogue(t("render.title"), content, () => { open = null; });
    open.dialog.id = "render-dialogue";
    L.drawRender();
    open.dialog.querySelector("#render-start").focus();
    L.ask({ do: "estimate" });
  };
})();
