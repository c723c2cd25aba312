// What was found in a finished render: the list at the right, and the result beside the original in the centre, frame by
// frame round the playhead. What is done about it is in mend.js.
(() => {
  const L = window.Likeness;
  const { h, t } = L;
  const ROW = 74; // pixels of a finding in the list; only those in sight are drawn, so that a thousand stay quick
  const SPARE = 4;
  const MANY = 8; // findings from which on filters are worth their place
  const REST = 110; // milliseconds of rest before frames are fetched
  const STATES = { o: "open", f: "fixed", i: "ignored" };
  const SEVERITIES = ["high", "middle", "low"];
  const state = { open: false, number: 0, clip: null, rows: [], chosen: null, mode: "row", show: "all", severity: "all" };
  let panel = null;
  let list = null;
  let stage = null;
  let timer = null;

  const found = () => L.views.clip?.found ?? null;
  const clip = () => L.views.clip?.clip ?? null;
  const isMine = () => L.mayEdit();
  const phase = (place) => STATES[found()?.states[place]] ?? "open";
  L.findingWords = (row) => L.or(`finding.${row.code}`, row.words, row.values);
  L.spanWords = (first, last) => (first === last ? t("frame.number", { frame: first }) : t("frames.span", { first, last }));
  L.whoWords = (person) => (person === null ? t("mend.everyone") : person ? L.personName(L.views.people?.people?.find((one) => one.number === person) ?? { number: person }) : t("mend.nobody"));
  L.findingCount = (n) => (n === 1 ? t("findings.one") : t("findings.count", { n }));

  // ---- on a job's card -------------------------------------------------------------------------------------------
  L.findingsOf = (job) => {
    const { findings } = job;
    if (!findings) return null;
    const words = findings.count ? SEVERITIES.filter((one) => findings[one]).map((one) => h("span", { "data-key": `severity-${one}`, class: `severity ${one}` },
      t("severity.of", { n: findings[one], severity: t(`severity.${one}`) }))) : null;
    return h("p.job-findings", { "data-findings": String(findings.count) }, L.icon(findings.count ? "flag" : "check"),
      findings.count ? L.findingCount(findings.count) : t("findings.none"), words);
  };
  L.findingsButton = (job) => (job.findings?.count ? h("button.button.small", { "data-key": `findings-${job.id}`, "data-look-findings": true,
    onclick: () => { L.closeJobs(); L.ask({ do: "findings", job: job.id }); } }, L.icon("flag"), t("findings.look")) : null);

  // ---- opening -----------------------------------------------------------------------------------------------------
  const open = (on) => {
    state.open = on;
    if (on) document.documentElement.dataset.findings = "open"; else delete document.documentElement.dataset.findings;
    draw();
  };
  L.closeFindings = () => open(false);
  // Without a finding: for the frame at the playhead.
  L.openMend = () => {
    state.chosen = null;
    state.mode = "preview";
    L.mendHere();
    open(true);
  };
  const take = async (view) => {
    Object.assign(state, { number: view.number, rows: [], chosen: null, loading: true });
    const answer = await fetch(view.at, { cache: "no-store" }).catch(() => null);
    const rows = answer?.ok ? await answer.json().catch(() => null) : null;
    if (state.number !== view.number) return; // a newer one was opened since
    if (!rows) { Object.assign(state, { number: 0, loading: false }); return; } // asked again with the next view
    state.rows = rows.map((row, place) => ({ ...row, place }));
    Object.assign(state, { loading: false, show: "all", severity: "all", mode: "row" });
    const first = state.rows.find((row) => phase(row.place) === "open") ?? state.rows[0] ?? null;
    if (list) list.scrollTop = 0;
    choose(first);
    open(true);
  };
  const choose = (row) => {
    state.chosen = row?.key ?? null;
    if (!row) return;
    if (state.mode === "preview") state.mode = "row";
    L.mendFinding(row);
    L.closeSpan();
    L.player.seek(row.worst);
    reveal(row);
    draw();
  };
  const chosen = () => (found() ? state.rows.find((row) => row.key === state.chosen) ?? null : null);
  L.chosenFinding = chosen;
  L.showMended = () => { state.mode = "preview"; draw(); };

  const listed = () => state.rows.filter((row) => (state.show === "all" || phase(row.place) === state.show) &&
    (state.severity === "all" || row.severity === state.severity));
  // By key: N and Shift+N.
  L.nextFinding = (step) => {
    if (!found() || !state.rows.length) return;
    const rows = listed();
    if (!rows.length) return;
    const now = rows.findIndex((row) => row.key === state.chosen);
    // What has just gone out of the list by its filter: the next one behind it.
    const from = now >= 0 ? now : rows.findIndex((row) => row.place > (chosen()?.place ?? -1)) - (step > 0 ? 1 : 0);
    if (!state.open) state.open = true;
    choose(rows[(from + step + rows.length) % rows.length]);
    open(true);
  };

  // ---- the list ----------------------------------------------------------------------------------------------------
  const reveal = (row) => {
    if (!list) return;
    const at = listed().findIndex((one) => one.key === row.key) * ROW;
    if (at < 0) return;
    if (at < list.scrollTop) list.scrollTop = at;
    if (at + ROW > list.scrollTop + list.clientHeight) list.scrollTop = at + ROW - list.clientHeight;
  };
  const thumb = (row, side) => h("img", { src: `${found().at}/thumb/${row.place}/${side}`, alt: t(`findings.${side}`), loading: "lazy", width: 52, height: 52 });
  const item = (row, i) => h(`button.finding.${row.severity}.is-${phase(row.place)}`, { "data-key": `finding-${row.key}`, "data-finding": row.code, "data-state": phase(row.place),
    "aria-pressed": String(row.key === state.chosen), style: `top:${i * ROW}px`, onclick: () => choose(row) },
  h("span.finding-pictures", {}, thumb(row, "before"), found().result ? thumb(row, "after") : null),
  h("span.finding-words", {}, h("span.finding-head", {}, h("b.figures", {}, L.clock(row.start, 2)), h("span", { class: `severity ${row.severity}` }, t(`severity.${row.severity}`)),
    phase(row.place) === "open" ? null : h("span.finding-state", {}, L.icon(phase(row.place) === "fixed" ? "check" : "eyeoff"), t(`findings.state.${phase(row.place)}`))),
  h("span.finding-why", {}, L.findingWords(row))));
  const drawList = () => {
    const rows = listed();
    const from = Math.max(0, Math.floor(list.scrollTop / ROW) - SPARE);
    const to = Math.min(rows.length, Math.ceil((list.scrollTop + list.clientHeight) / ROW) + SPARE);
    L.fill(list, rows.length ? h("div.finding-rows", { "data-key": "rows", style: `height:${rows.length * ROW}px`, role: "group", "aria-label": t("findings.title") },
      rows.slice(from, to).map((row, i) => item(row, from + i))) : state.loading ? null : h("p.hint", { "data-key": "no-rows" }, t(state.rows.length ? "findings.none_here" : "findings.none")));
  };

  const counted = (which) => (which === "all" ? state.rows.length : state.rows.filter((row) => phase(row.place) === which).length);
  const filters = () => (state.rows.length < MANY ? null : h("div.finding-filters", { "data-key": "filters" },
    h("span.segments.wide", { role: "group", "aria-label": t("findings.show") }, ["all", "open", "fixed", "ignored"].map((one) => h("button.segment", { "data-key": `show-${one}`, id: `show-${one}`,
      "aria-pressed": String(state.show === one), onclick: () => { state.show = one; list.scrollTop = 0; draw(); } }, `${t(`findings.state.${one}`)} ${counted(one)}`))),
    h("select", { id: "finding-severity", "data-key": "finding-severity", "aria-label": t("findings.severity"), onchange: (event) => { state.severity = event.target.value; list.scrollTop = 0; draw(); } },
      ["all", ...SEVERITIES].map((one) => h("option", { value: one, selected: one === state.severity }, one === "all" ? t("findings.every_severity") : t(`severity.${one}`))))));

  const rendered = (view) => (!view.mended || view.rendered === null ? null :
    h("p.hint", { "data-key": "rendered", id: "parts-rendered" }, t(view.reused ? "findings.rendered" : "findings.rendered_all", { n: view.rendered, total: view.rendered + view.reused })));
  const remarks = (view) => [
    view.result ? null : h("p.remark", { "data-key": "no-result" }, L.icon("warning"), h("span", {}, t("findings.no_result"))),
    view.same ? null : h("p.remark.calm", { "data-key": "other-recipe" }, h("span", {}, t("findings.other_recipe")),
      h("button.button.small", { "data-key": "take-recipe", onclick: () => L.ask({ do: "take_up", job: view.job }) }, t("findings.take_recipe"))),
    rendered(view)];

  const steps = () => {
    const rows = listed();
    const at = rows.findIndex((row) => row.key === state.chosen);
    return rows.length ? h("div.row.finding-steps", { "data-key": "steps" },
      h("button.button.quiet.small", { "data-key": "finding-back", id: "finding-back", title: `${t("findings.back")} · Shift+N`, "aria-label": t("findings.back"), onclick: () => L.nextFinding(-1) }, L.icon("back")),
      h("span.figures", {}, at < 0 ? `– / ${rows.length}` : `${at + 1} / ${rows.length}`),
      h("button.button.quiet.small", { "data-key": "finding-next", id: "finding-next", title: `${t("findings.next")} · N`, "aria-label": t("findings.next"), onclick: () => L.nextFinding(1) }, L.icon("ahead"))) : null;
  };
  // Side by side there is a finding; where none is chosen, the first.
  const setMode = (mode) => {
    state.mode = mode;
    if (mode !== "preview" && !chosen()) choose(listed()[0] ?? null);
    draw();
  };
  const modes = () => (state.rows.length ? h("span.segments.wide", { role: "group", "data-key": "modes", "aria-label": t("findings.mode") }, ["row", "whole", "preview"].map((one) => h("button.segment", {
    "data-key": `mode-${one}`, id: `mode-${one}`, "aria-pressed": String(state.mode === one), title: t(`findings.mode.${one}.help`), onclick: () => setMode(one) }, t(`findings.mode.${one}`)))) : null);

  const about = (row) => h("div.finding-about", { "data-key": "about" },
    h("p.finding-why", {}, L.findingWords(row)),
    h("p.hint", {}, [L.spanWords(row.first, row.last), L.whoWords(row.person), row.code].join(" · ")),
    isMine() ? h("div.row", {},
      h("button.button.small", { "data-key": "go-worst", id: "go-worst", title: t("findings.worst.help"), onclick: () => L.player.seek(row.worst) }, t("findings.worst")),
      phase(row.place) === "fixed" ? null : h("button.button.small", { "data-key": "ignore", id: "ignore-finding", "aria-pressed": String(phase(row.place) === "ignored"), title: t("findings.ignore.help"),
        onclick: () => L.ask({ do: "ignore_finding", finding: row.key, ignored: phase(row.place) !== "ignored" }) }, L.icon(phase(row.place) === "ignored" ? "eye" : "eyeoff"),
      t(phase(row.place) === "ignored" ? "findings.unignore" : "findings.ignore"))) : null);

  const make = () => {
    list = h("div.finding-list", { onscroll: () => drawList(), "data-key": "list", tabIndex: -1 });
    const [top, below] = [h("div.findings-top"), h("div.findings-below")];
    panel = h("aside.findings-panel", { id: "findings-panel", onkeydown: (event) => { if (event.key === "Escape" && !event.target.closest("input, select")) { event.stopPropagation(); open(false); } } }, top, list, below);
    Object.assign(panel, { top, below });
    document.getElementById("frame").append(panel);
    new ResizeObserver(() => { if (state.open && found()) drawList(); }).observe(list);
  };

  const draw = () => {
    const view = found();
    if (!panel && !state.open) return;
    if (!panel) make();
    const shown = state.open && Boolean(clip());
    panel.hidden = !shown;
    if (shown) {
      panel.setAttribute("aria-label", t(view ? "findings.title" : "mend"));
      panel.classList.toggle("bare-mend", !view);
      const row = chosen();
      L.fill(panel.top,
        h("header", { "data-key": "head" }, h("h2", {}, t(view ? "findings.title" : "mend"), view ? h("span.count", {}, String(view.states.length)) : null), view ? steps() : h("span.spring"),
          h("button.bare", { "data-key": "close-findings", id: "close-findings", "aria-label": t("close"), title: t("close"), onclick: () => open(false) }, L.icon("close"))),
        view ? [h("p.hint.file", { "data-key": "of", title: view.name }, view.name), remarks(view), filters(), modes()] : null);
      list.hidden = !view;
      if (view) drawList();
      L.fill(panel.below, row ? about(row) : null, isMine() ? L.mendPanel(row) : null);
    }
    drawStage();
    drawMarks();
  };

  // ---- side by side ------------------------------------------------------------------------------------------------
  const figure = (frame, side, at, whole, row) => {
    const inside = row && frame >= row.first && frame <= row.last;
    const missing = side === "after" && (!found().result || frame < found().span[0] || frame > found().span[1]);
    const url = whole ? `${found().at}/whole/${frame}/${side}?w=${whole}` : `${found().at}/face/${row.place}/${frame}/${side}?s=240`;
    return h(`figure${frame === at ? ".now" : ""}${inside ? `.inside.${row.severity}` : ""}`, { "data-key": `${side}-${whole ? "whole" : frame}`, "data-side": side, "data-frame": frame,
      title: whole ? null : t("findings.go", { frame }), onclick: whole ? null : () => L.player.seek(frame) },
    missing ? h("span.missing", {}, t("findings.not_there")) : h("img", { src: url, alt: `${t(`findings.${side}`)}, ${t("frame.number", { frame })}` }), whole ? h("figcaption", {}, t(`findings.${side}`)) : null);
  };
  const caption = (frame, at) => h(`span.frame-name${frame === at ? ".now" : ""}`, { "data-key": `name-${frame}` }, `${frame === at ? "" : `${frame > at ? "+" : "−"}${Math.abs(frame - at)} · `}${frame}`);
  const jumps = (row) => [["findings.first", row.first - 1], ["findings.worst", row.worst], ["findings.last", row.last + 1]]
    .filter(([, frame]) => frame >= 0 && frame < clip().frames)
    .map(([words, frame]) => h("button.button.small", { "data-key": words, "aria-pressed": String(L.player.state.frame === frame), onclick: () => L.player.seek(frame) }, t(words)));
  const drawStage = () => {
    const row = chosen();
    const on = state.open && row && state.mode !== "preview" && L.player && !L.player.state.playing;
    if (!stage && !on) return;
    if (!stage) {
      stage = h("div.found-stage", { id: "found-stage", role: "region" });
      document.querySelector(".clip-view").append(stage);
    }
    stage.hidden = !on;
    if (!on) return;
    stage.setAttribute("aria-label", t("findings.compare"));
    const at = L.player.state.frame;
    stage.dataset.mode = state.mode;
    stage.dataset.frame = at;
    const reach = stage.clientWidth < 520 ? 1 : 2;
    const frames = state.mode === "whole" ? [at] : Array.from({ length: 2 * reach + 1 }, (_, i) => at + i - reach);
    const width = state.mode === "whole" ? Math.min(1920, Math.ceil(stage.clientWidth * (window.devicePixelRatio || 1) / 2 / 160) * 160) : 0;
    const there = (frame) => frame >= 0 && frame < clip().frames;
    const cells = (side) => frames.map((frame) => (there(frame) ? figure(frame, side, at, width, row) : h("figure.outside", { "data-key": `${side}-${frame}` })));
    stage.style.setProperty("--cells", frames.length);
    L.fill(stage,
      h("div.found-grid", { "data-key": "grid" },
        h("span.side-name", { "data-key": "side-before" }, t("findings.before")), cells("before"),
        h("span.side-name", { "data-key": "side-after" }, t("findings.after")), cells("after"),
        state.mode === "whole" ? null : [h("span", { "data-key": "corner" }), frames.map((frame) => (there(frame) ? caption(frame, at) : h("span", { "data-key": `name-${frame}` })))]),
      h("div.row.centre.found-jumps", { "data-key": "jumps" }, jumps(row)));
  };
  // The playhead is elsewhere: frames are fetched where it rests.
  L.foundMoved = () => {
    if (!state.open) return;
    clearTimeout(timer);
    timer = setTimeout(draw, REST);
  };

  // ---- marks over the thumbnails of the timeline -------------------------------------------------------------------
  const BUCKETS = 240;
  let marks = null;
  const drawMarks = () => {
    const tracks = document.querySelector("#timeline .tracks");
    if (!tracks) return;
    if (!marks || !marks.isConnected) { marks = h("div.found-marks", { "aria-hidden": "true" }); tracks.append(marks); }
    const now = clip();
    const view = L.views.clip;
    if (!now) { L.fill(marks); return; }
    const share = (frame) => L.timeOf(now, frame) / now.seconds;
    const worst = new Map();
    if (state.open && found()) {
      for (const row of state.rows) {
        if (phase(row.place) === "ignored") continue;
        const at = Math.floor(share(row.worst) * BUCKETS);
        const kind = phase(row.place) === "fixed" ? "fixed" : row.severity;
        const rank = ["fixed", "low", "middle", "high"];
        if (rank.indexOf(kind) > rank.indexOf(worst.get(at) ?? "")) worst.set(at, kind);
      }
    }
    L.fill(marks, (view.fixes ?? []).map((fix) => h("i.fix-mark", { "data-key": `fix-${fix.place}`, style: `left:${share(fix.first) * 100}%;width:max(3px, ${(share(fix.last + 1) - share(fix.first)) * 100}%)` })),
      [...worst].map(([at, kind]) => h(`i.found-mark.${kind}`, { "data-key": `at-${at}`, style: `left:${((at + 0.5) / BUCKETS) * 100}%` })));
  };

  // Called with every view of the Clip screen.
  L.drawFound = (view) => {
    const news = view.found;
    const other = state.clip !== (view.clip?.key ?? null);
    state.clip = view.clip?.key ?? null;
    if (other && !news) { Object.assign(state, { rows: [], number: 0, chosen: null }); open(false); return; } // its frames are not this clip's
    if (news && news.number !== state.number) { take(news); return; }
    if (!news) { state.rows = []; state.number = 0; state.chosen = null; }
    L.drawMend?.(view);
    draw();
  };
})();
