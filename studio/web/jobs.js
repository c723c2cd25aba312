// The cards of renders. Their truth is in the studio's store: any page, and one that was reloaded, shows the same.
(() => {
  const L = window.Likeness;
  const { h, t } = L;
  const BUSY = 500; // milliseconds between two looks while something runs
  const IDLE = 5000; // and while nothing does: another window may have begun something
  L.jobs = [];
  let revision = -1;
  let timer = null;
  let panel = null;
  let trouble = null;

  const running = (job) => ["queued", "running", "paused"].includes(job.state);
  const look = async () => {
    clearTimeout(timer);
    const tab = L.views.bar?.tab;
    if (tab && !L.lost) {
      try {
        const answer = await fetch(`jobs/${tab}?since=${revision}`, { cache: "no-store" });
        if (answer.ok) take(await answer.json());
      } catch { L.pulse?.(); }
    }
    timer = setTimeout(look, document.hidden ? IDLE : L.jobs.some((job) => job.state === "running" || job.state === "queued" || job.wanted !== "run") ? BUSY : IDLE);
  };
  // Where two actions answer at once, Gradio may hand the page the older view last, and the newer one never. What the
  // studio told one look ago has to be here by now.
  let told = {};
  const catchUp = (now) => {
    if (L.isWork(L.screen) && Object.entries(told).some(([name, rev]) => (L.revs[name] || 0) < rev)) L.ask({ do: "screen", to: L.screen });
    told = now;
  };
  const take = (news) => {
    catchUp(news.told);
    trouble = news.trouble;
    if (!news.jobs) return;
    revision = news.revision;
    L.jobs = news.jobs;
    ["tray", "people", "clip"].forEach(L.draw);
    L.lookAtModels();
    drawPanel();
  };
  L.lookAtJobs = () => { clearTimeout(timer); timer = setTimeout(look, 60); };
  document.addEventListener("visibilitychange", () => { if (!document.hidden) L.lookAtJobs(); });

  const wish = L.wishOf = (job, what) => { L.ask({ do: "job", job: job.id, wish: what }); L.lookAtJobs(); setTimeout(L.lookAtJobs, 350); };

  // ---- questions about doubtful spans ----------------------------------------------------------------------------
  L.questionsOf = (clip) => L.jobs.filter((job) => job.clip === clip).flatMap((job) => job.doubts.map((doubt) => ({ ...doubt, job: job.id,
    answered: (L.views.clip?.answers?.[job.id] ?? []).some(([start, stop]) => start - 0.01 <= doubt.start && doubt.stop <= stop + 0.01) })));
  const code = (doubt) => L.or(`doubt.${doubt.code}`, doubt.words);
  L.doubtWords = (doubt) => `${L.clock(doubt.start, 1)} – ${L.clock(doubt.stop, 1)} · ${code(doubt)}`;
  const question = (doubt) => h(`div.question${doubt.answered ? ".answered" : ""}`, { "data-key": `question-${doubt.job}-${doubt.start}` },
    h("p", {}, L.icon(doubt.answered ? "check" : "question"), h("span", {}, h("b.figures", {}, `${L.clock(doubt.start, 1)} – ${L.clock(doubt.stop, 1)}`), " ", code(doubt))),
    h("div.row", {},
      h("button.button.small", { "data-key": `look-${doubt.job}-${doubt.start}`, "data-look": true, onclick: () => L.ask({ do: "take_up", job: doubt.job, seconds: doubt.start }) }, t("question.look")),
      h("button.button.small", { "data-key": `accept-${doubt.job}-${doubt.start}`, "data-accept": true, disabled: doubt.answered,
        onclick: () => { L.ask({ do: "accept", job: doubt.job, start: doubt.start, stop: doubt.stop }); setTimeout(L.lookAtJobs, 300); } }, t("question.covered")),
      h("button.button.small", { "data-key": `box-${doubt.job}-${doubt.start}`, onclick: () => {
        L.player?.seek(L.frameAt(L.views.clip.clip, doubt.start));
        L.startDrawing(document.getElementById("clip-board"));
      } }, t("draw"))));
  // For the left side of the Clip screen: what a held render asks about the clip that is open.
  L.questions = () => {
    const clip = L.views.clip?.clip;
    const asked = clip ? L.questionsOf(clip.id) : [];
    if (!asked.length) return null;
    const jobs = [...new Set(asked.map((doubt) => doubt.job))];
    return h("section.questions", { "data-key": "questions" },
      h("h2", {}, t("questions.title"), h("span.count", {}, String(asked.filter((doubt) => !doubt.answered).length))),
      h("p.hint", {}, t("questions.words")), asked.map(question),
      jobs.map((job) => h("button.button.small", { "data-key": `go-on-${job}`, "data-go-on": true, title: t("question.go_on.help"),
        onclick: () => { L.ask({ do: "go_on", job }); setTimeout(L.lookAtJobs, 300); } }, L.icon("again"), t("question.go_on"))));
  };

  // Guests see that something of somebody else's runs, and not what it is.
  const titleOf = (job) => (job.title ? L.say(job.title) : t("job.somebody"));

  // ---- cards ----------------------------------------------------------------------------------------------------
  const TICKS = 60;
  const ticks = (job) => {
    const { parts } = job;
    if (parts.length < 2) return null;
    const count = Math.min(parts.length, TICKS);
    const of = (i) => parts.slice(Math.floor(i * parts.length / count), Math.max(Math.floor((i + 1) * parts.length / count), Math.floor(i * parts.length / count) + 1));
    const state = (some) => (/^d+$/.test(some) ? "done" : /[rd]/.test(some) ? "running" : "waiting");
    const done = parts.split("").filter((one) => one === "d").length;
    return h("span.ticks", { role: "img", "aria-label": t("job.parts", { done, total: parts.length }), title: t("job.parts", { done, total: parts.length }) },
      Array.from({ length: count }, (_, i) => h(`i.${state(of(i))}`)));
  };
  const stateWords = (job) => {
    if (isDownload(job) && job.state === "running" && !job.done && job.wanted === "run") return t("job.asking");
    if (job.state === "running" && job.wanted === "pause") return t("job.pausing");
    if (job.state === "running" && job.wanted === "cancel") return t("job.cancelling");
    if (isDownload(job) && job.state === "running" && job.done && !job.fps) return t("job.no_news");
    if (job.state === "running" && job.stage) return t(`job.stage.${job.stage}`);
    if (job.doubts.length) return t("job.held");
    return t(`job.${job.state}`);
  };
  const share = (job) => (job.total ? job.done / job.total : 0);
  // Of a download: bytes, bytes a second and the time left, as far as they are known.
  const isDownload = (job) => job.kind === "download";
  const loaded = (job) => [job.total ? `${L.bytes(job.done)} / ${L.bytes(job.total)}` : job.done ? L.bytes(job.done) : null,
    job.fps && job.state === "running" ? t("job.speed", { size: L.bytes(job.fps) }) : null,
    job.eta !== null && job.state === "running" ? t("job.left", { time: L.duration(job.eta) }) : null].filter(Boolean);
  L.jobWords = (job) => [job.state === "running" && job.done && job.fps && job.wanted === "run" ? null : stateWords(job), ...loaded(job)].filter(Boolean).join(" · ");
  const figures = (job) => {
    if (isDownload(job)) return running(job) ? h("span.figures", {}, loaded(job).join(" · ")) : null;
    if (!job.total || !running(job)) return null;
    return h("span.figures", {}, [`${job.done} / ${job.total}`, job.fps && job.state === "running" ? `${job.fps.toFixed(job.fps < 10 ? 1 : 0)} fps` : null,
      job.eta !== null && job.state === "running" ? t("job.left", { time: L.duration(job.eta) }) : null].filter(Boolean).join(" · "));
  };
  const bar = L.jobBar = (job) => h("progress", { max: 1, value: isDownload(job) && !job.total ? undefined : share(job), "aria-label": t("job.progress", { name: titleOf(job) }) });

  const button = (job, what, words, more = {}) => h("button.button.small", { "data-key": `${what}-${job.id}`, "data-wish": what, onclick: () => wish(job, what), ...more }, words);
  const actions = (job) => [...(job.mine ? own(job) : []), ...(isDownload(job) ? [] : results(job))];
  const own = (job) => [
    job.state === "paused" || job.wanted === "pause" ? button(job, "resume", t("job.do.resume")) : job.state === "running" && job.wanted === "run" && !isDownload(job) ? button(job, "pause", t("job.do.pause")) : null,
    running(job) ? button(job, "cancel", t("cancel"), { disabled: job.wanted === "cancel" }) : null,
    job.state === "interrupted" ? button(job, "go_on", t("job.do.go_on")) : null,
    ["failed", "cancelled"].includes(job.state) && !job.doubts.length ? button(job, "retry", t(job.parts.includes("d") || (isDownload(job) && job.done && !job.error) ? "job.do.go_on" : "job.do.retry")) : null,
    job.doubts.length ? h("button.button.small", { "data-key": `see-${job.id}`, onclick: () => { close(); L.ask({ do: "take_up", job: job.id, seconds: job.doubts[0].start }); } }, t("question.look")) : null,
  ];
  const results = (job) => [
    job.state === "done" ? h("button.button.small", { "data-key": `play-${job.id}`, "data-play": true, onclick: () => { close(); L.ask({ do: "play_result", job: job.id }); } }, L.icon("play"), t("job.do.play")) : null,
    job.state === "done" && job.result?.download ? h("a.button.small", { href: job.result.download, download: job.result.name, "data-key": `download-${job.id}`, "data-download": true }, L.icon("save"), t("job.do.download")) : null,
    L.findingsButton(job),
  ];
  const more = (job) => [
    running(job) || !job.mine || isDownload(job) ? null : h("button.bare", { "data-key": `again-${job.id}`, "data-again": true, title: t("job.do.again"), "aria-label": t("job.do.again"),
      onclick: () => { close(); L.ask({ do: "take_up", job: job.id }); } }, L.icon("again")),
    job.wishes.includes("remove") ? h("button.bare", { "data-key": `remove-${job.id}`, "data-wish": "remove", title: t("job.do.remove"), "aria-label": t("job.do.remove"),
      onclick: () => wish(job, "remove") }, L.icon("trash")) : null,
  ];
  const icons = { done: "check", failed: "warning", interrupted: "warning", cancelled: "close", paused: "pause" };
  const card = (job) => h(`article.job-card.state-${job.state}`, { "data-key": `job-${job.id}`, "data-job": job.id, "data-state": job.state },
    h("span.job-picture", {}, job.picture ? h("img", { src: job.picture, alt: "" }) : L.icon(isDownload(job) ? "save" : "film")),
    h("div.job-words", {},
      h("p.job-title", {}, h("bdi", { title: titleOf(job) }, titleOf(job)), h("span.job-state", {}, icons[job.state] ? L.icon(icons[job.state]) : null, stateWords(job))),
      running(job) && job.state !== "queued" ? [h("div.job-bar", {}, bar(job), ticks(job)), figures(job)] : null,
      job.error ? h("div.job-error", { role: "alert", "data-code": job.error.code }, h("p", {}, L.or(`error.${job.error.code}`, job.error.words, { subject: job.error.subject })),
        job.error.remedy ? h("p.remedy", {}, L.or(`remedy.${job.error.code}`, job.error.remedy, { subject: job.error.subject })) : null, h("code", {}, job.error.code)) : null,
      L.findingsOf(job),
      job.result ? [h("p.job-path", {}, h("code", { title: t("job.path") }, job.result.path), h("span.figures", {}, L.bytes(job.result.bytes))),
        job.result.sidecar ? h("p.hint", {}, t("saved.sidecar", { name: job.result.sidecar })) : null,
        job.result.notes.length ? h("details.more-remarks", {}, h("summary", { "data-key": `notes-${job.id}` }, t("job.notes", { n: job.result.notes.length })),
          job.result.notes.map((note) => h("p.remark.calm", { "data-code": note.code }, L.remark(note)))) : null] : null,
      h("div.row", {}, actions(job), h("span.spring"), more(job))));

  // ---- the panel of all cards, and the tray's one line -------------------------------------------------------------
  const close = () => { panel?.remove(); panel = null; L.draw("tray"); };
  L.closeJobs = close;
  const drawPanel = () => {
    if (!panel) return;
    const list = [...L.jobs].reverse();
    L.fill(panel, h("header", {}, h("h2", {}, t("jobs.title")), h("button.bare", { "data-key": "close-jobs", "aria-label": t("close"), title: t("close"), onclick: close }, L.icon("close"))),
      trouble ? h("p.remark", {}, L.icon("warning"), trouble) : null,
      list.length ? list.map(card) : h("p.hint", {}, t("jobs.none")));
  };
  L.showJobs = () => {
    if (panel) { close(); return; }
    panel = h("aside.jobs-panel", { id: "jobs-panel", "aria-label": t("jobs.title"), onkeydown: (event) => { if (event.key === "Escape") close(); } });
    document.getElementById("frame").append(panel);
    drawPanel();
    panel.querySelector("button")?.focus();
    L.draw("tray");
  };

  // What the tray shows: the render at work, or the one that ended last and wants somebody.
  L.trayJob = () => {
    const job = L.jobs.find((one) => ["running", "paused"].includes(one.state)) ?? L.jobs.find((one) => one.state === "queued") ?? null;
    const waiting = L.jobs.filter((one) => one.state === "queued" && one !== job).length;
    const asking = L.jobs.filter((one) => ["interrupted", "failed"].includes(one.state)).length;
    const finished = L.jobs.filter((one) => one.state === "done").length;
    if (!L.jobs.length) return null;
    return h("div.tray-job", { "data-state": job?.state ?? "none" },
      job ? [job.picture ? h("img.tray-picture", { src: job.picture, alt: "" }) : null,
        h("span.tray-title", {}, `${stateWords(job)} `, h("bdi", {}, `“${titleOf(job)}”`)),
        job.state === "queued" ? null : h("div.job-bar", {}, bar(job), ticks(job)), figures(job), actions(job)] : null,
      h("button.button.quiet.small", { id: "jobs", "data-key": "jobs", "aria-expanded": String(Boolean(panel)), onclick: L.showJobs }, L.icon("list"), t("jobs.title"),
        h("span.count", {}, [waiting ? t("jobs.waiting", { n: waiting }) : null, asking ? t("jobs.asking", { n: asking }) : null,
          !job && finished ? t("jobs.done", { n: finished }) : null].filter(Boolean).join(" · "))));
  };
  setTimeout(look, 400);
})();
