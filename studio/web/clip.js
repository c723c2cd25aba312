// The centre of the Clip screen: the frame at the playhead with its result over it, the transport, the timeline.
(() => {
  const L = window.Likeness;
  const { h, t } = L;
  let parts = null;
  let spanShown = null;

  const clipOf = () => L.views.clip?.clip ?? null;
  L.clipOpen = () => Boolean(clipOf());

  const empty = (view) => (L.mayEdit() ? offer(view) : L.lookingOnly());
  const offer = (view) => h("div.empty", {},
    h("div.empty-drop", {},
      L.icon("film"),
      h("h1", {}, t("clip.empty.title")),
      h("p", {}, t("clip.empty.words")),
      h("div.row.centre", {},
        h("button.button.primary.large", { id: "try-clip", "data-key": "try-clip", onclick: () => L.ask({ do: "clip_example" }) }, t("clip.example")),
        L.isOwner() ? h("button.button.large", { id: "open-clip", "data-key": "open-clip", onclick: () => L.askPath("open") }, L.icon("folder"), t("way.path")) : null),
      h("div.row.centre", {},
        h("button.button.quiet", { id: "upload-clip", "data-key": "upload-clip", onclick: () => L.pick("open") }, L.icon("upload"), t("way.clip"))),
      h("p.credit", {}, t("clip.credit", { source: `${view.example[0]} (${view.example[1]})`, target: `${view.example[2]} (${view.example[3]})` }))));

  const rateWords = (rate) => Number(rate.toFixed(2)).toString();
  const facts = (view) => {
    const { clip } = view;
    return h("div.facts", {},
      h("span.chip", { title: clip.name }, h("bdi.file", {}, clip.name)),
      h("span.chip.figures", {}, `${clip.width} × ${clip.height} · ${rateWords(clip.rate)} fps · ${L.clock(clip.seconds, 0)} · ${clip.codec}${clip.depth > 8 ? ` · ${clip.depth} bit` : ""}`),
      view.still ? h("span.chip.keys-hint", {}, t("hold_b")) : null,
      clip.notes.map((note) => h("span.chip.note", { "data-code": note.code }, L.remark(note))),
      clip.video ? null : h("span.chip.working-chip", { title: t("proxy.help") }, t("proxy.making", { percent: Math.round(clip.proxy_share * 100) })));
  };

  const make = (root) => {
    const video = h("video.under", { playsInline: true, id: "clip-video" });
    const over = h("video.over", { playsInline: true, id: "clip-span", hidden: true });
    const stage = h("div.stage", { id: "clip-stage" });
    parts = { video, over, stage, top: h("div.top"), overlay: h("div.overlay"), blank: h("div.blank"), bar: h("div.transport", { role: "toolbar" }), view: h("div.clip-view") };
    parts.board = L.makeBoard(stage, { name: "clip-", part: "clip", under: video, over });
    parts.player = L.makePlayer({ video, moved, seen: () => L.draw("clip") });
    parts.timeline = L.makeTimeline(parts.player);
    L.player = parts.player;
    parts.view.append(stage, parts.top, parts.overlay, parts.blank);
    root.append(parts.view, parts.bar, parts.timeline.root);
    over.addEventListener("ended", () => L.closeSpan());
    // The stand-in runs along under the moving preview, so that both sides of the line move.
    over.addEventListener("playing", () => { video.muted = true; video.currentTime = (spanShown?.start ?? 0) + over.currentTime; video.play().catch(() => {}); });
    over.addEventListener("pause", () => { video.pause(); video.muted = false; });
    over.addEventListener("timeupdate", () => {
      if (!spanShown) return;
      const wanted = spanShown.start + over.currentTime;
      if (Math.abs(video.currentTime - wanted) > 0.12) video.currentTime = wanted;
      parts.player.state.frame = L.frameAt(clipOf(), wanted);
      moved();
    });
  };

  // While the playhead moves only what depends on it is touched.
  const moved = () => {
    parts.timeline.place();
    const clip = clipOf();
    const { frame, playing } = parts.player.state;
    const time = document.getElementById("clip-time");
    if (time && clip) {
      time.firstChild.textContent = L.clock(L.timeOf(clip, frame));
      document.getElementById("clip-frame").textContent = t("frame.number", { frame });
    }
    const button = document.getElementById("clip-play");
    if (button && button.getAttribute("aria-pressed") !== String(playing || Boolean(spanShown))) drawTransport(L.views.clip);
    showFrame(L.views.clip);
    L.foundMoved?.();
  };

  const showFrame = (view) => {
    const { clip } = view;
    if (!clip) return;
    const { state } = parts.player;
    const resting = !state.playing && !spanShown;
    const exact = resting && state.exactFrame === state.frame ? state.exact : null;
    // Without a stand-in the last frame stays until the next is there.
    const before = exact ?? (clip.video ? null : state.exact);
    const after = resting && exact && view.still && view.still.frame === state.frame ? view.still.url : null;
    const there = resting && view.faces_frame === state.frame;
    const covers = resting ? view.covers.filter((cover) => cover.frame === state.frame) : [];
    parts.board.show({ id: clip.key, name: clip.name, width: clip.width, height: clip.height, before, after }, there ? view.faces : [], covers);
    parts.board.board.dataset.frame = exact ? String(state.exactFrame) : "";
    parts.stage.classList.toggle("unready", !clip.video && !state.exact);
  };

  L.zoomClip = (how) => parts?.board.setZoom(how === "fit" ? "fit" : parts.board.state.zoom === 1 ? 2 : 1);
  L.showClipOriginal = (on) => parts?.board.original(on || Boolean(parts.held));

  // The moving preview plays in place, cut at the line like a still result.
  const openSpan = (span) => {
    parts.player.pause();
    spanShown = span;
    parts.over.hidden = false;
    parts.over.src = span.url;
    parts.over.play().catch(() => {});
    L.draw("clip");
  };
  L.closeSpan = () => {
    if (!spanShown) return;
    const at = spanShown.start + parts.over.currentTime;
    spanShown = null;
    parts.over.pause();
    parts.over.hidden = true;
    parts.over.removeAttribute("src");
    parts.player.seek(L.frameAt(clipOf(), at));
    L.draw("clip");
  };
  let asked = null;
  L.previewSpan = () => {
    const view = L.views.clip;
    if (!view?.clip || !view.changed) return;
    const { frame } = parts.player.state;
    const time = L.timeOf(view.clip, frame);
    if (view.span?.fresh && time >= view.span.start && time <= view.span.stop) { openSpan(view.span); return; }
    asked = view.span?.url ?? "";
    parts.player.pause();
    L.ask({ do: "preview_span", frame });
  };

  const tool = (id, icon, words, act, more = {}) => h("button.button.small", { id, "data-key": id, onclick: act, ...more },
    icon ? L.icon(icon) : null, h("span.tool-words", {}, words));

  const drawTransport = (view) => {
    const { clip } = view;
    const { player } = parts;
    const { frame, playing } = player.state;
    const running = playing || Boolean(spanShown);
    parts.bar.setAttribute("aria-label", t("transport"));
    L.fill(parts.bar,
      h("button.button.quiet.step", { "data-key": "step-back", id: "step-back", title: `${t("step.back")} · ←`, "aria-label": t("step.back"), onclick: () => player.step(-1) }, L.icon("back")),
      h("button.button.play", { id: "clip-play", "data-key": "clip-play", "aria-pressed": String(running), title: `${t(running ? "pause" : "play")} · ${t("key.name.space")}`,
        "aria-label": t(running ? "pause" : "play"), disabled: !clip.video, onclick: L.togglePlay }, L.icon(running ? "pause" : "play")),
      h("button.button.quiet.step", { "data-key": "step-ahead", id: "step-ahead", title: `${t("step.ahead")} · →`, "aria-label": t("step.ahead"), onclick: () => player.step(1) }, L.icon("ahead")),
      h("span.clock", { id: "clip-time" }, h("b", {}, L.clock(L.timeOf(clip, frame))), h("span", {}, ` / ${L.clock(clip.seconds)}`)),
      h("span.clock.faint", { id: "clip-frame" }, t("frame.number", { frame })),
      playing && Math.abs(player.state.speed) !== 1 ? h("span.chip", {}, `${player.state.speed} ×`) : null,
      h("span.spring"),
      tool("preview-span", "play", t("preview.span"), L.previewSpan, { disabled: !view.changed, title: `${t("preview.span.help")} · P` }),
      tool("split", "cut", t("split"), () => L.ask({ do: "split", frame: player.state.frame }), { title: `${t("split.help")} · S` }),
      tool("set-in", "start", t("in"), () => L.setTrim("in"), { title: `${t("trim.in")} · I` }),
      tool("set-out", "stop", t("out"), () => L.setTrim("out"), { title: `${t("trim.out")} · O` }),
      h("span.rule"),
      L.drawButton(() => { player.pause(); L.closeSpan(); return parts.board.board; }, "clip-"),
      L.mendButton(),
      view.still || spanShown ? h("button.button.quiet", { id: "clip-original", "data-key": "clip-original", title: t("original.clip_help"), "aria-label": t("original"),
        "aria-pressed": String(Boolean(parts.held)), onclick: () => { parts.held = !parts.held; L.showClipOriginal(false); L.draw("clip"); } }, L.icon("eye")) : null,
      h("button.button.quiet", { id: "open-other", "data-key": "open-other", "aria-haspopup": "menu", title: t("open.another"), "aria-label": t("open.another"),
        onclick: (event) => L.waysIn(event.currentTarget, "open", t("open.another")) }, L.icon("folder")));
  };
  L.togglePlay = () => {
    if (spanShown) { L.closeSpan(); return; }
    parts.player.toggle();
  };
  L.setTrim = (which) => parts.timeline.set(which, parts.player.state.frame + (which === "in" ? 0 : 1));

  const working = (view) => {
    const shown = view.busy && !["looking", "estimating"].includes(view.busy.stage) ? view.busy : null;
    return shown ? h("div.working", { role: "status" }, h("span.spinner", { "aria-hidden": "true" }), t(`stage.${shown.stage}`),
      shown.share > 0 ? h("span.figures", {}, `${Math.round(shown.share * 100)} %`) : null) : null;
  };
  const playingSpan = () => (spanShown ? h("div.span-words.chip", {}, t("preview.playing", { start: L.clock(spanShown.start, 1), stop: L.clock(spanShown.stop, 1) }),
    h("button.bare", { "aria-label": t("close"), title: t("close"), onclick: () => L.closeSpan() }, L.icon("close"))) : null);

  L.part("clip", {
    start(root) { root.setAttribute("role", "region"); },
    draw(root, view) {
      if (!parts) make(root);
      root.setAttribute("aria-label", t("clip.region"));
      const open = Boolean(view.clip);
      root.classList.toggle("has-clip", open);
      parts.stage.hidden = !open;
      parts.bar.hidden = !open;
      parts.timeline.root.hidden = !open;
      parts.blank.hidden = open || Boolean(view.busy) || L.screen !== "clip";
      L.fill(parts.blank, parts.blank.hidden ? null : empty(view));
      if (spanShown && (!open || (view.span?.url !== spanShown.url))) L.closeSpan();
      parts.player.load(view);
      if (open) {
        drawTransport(view);
        parts.timeline.draw(view, L.questionsOf(view.clip.id));
        showFrame(view);
        if (asked !== null && view.span && view.span.url !== asked) { asked = null; openSpan(view.span); }
      }
      L.fill(parts.top, open ? facts(view) : null, L.notices(view.notices));
      L.fill(parts.overlay, working(view), playingSpan(), open && (view.still || spanShown) && !parts.player.state.playing ?
        [h("span.side.left", { "aria-hidden": "true" }, t("before")), h("span.side.right", { "aria-hidden": "true" }, t("after"))] : null);
      L.drawResult?.(view);
      L.drawFound?.(view);
      L.drawRender?.();
    },
  });
})();
