// Below the viewer: ruler, thumbnails with in and out, questions and boxes, and the segments of effects.
(() => {
  const L = window.Likeness;
  const { h, t } = L;
  const STEPS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600];
  const APART = 84; // pixels between two words of the ruler, so that hours still fit
  const THUMB_HEIGHT = 40;

  // player: see player.js. act: what the keys and handles ask for.
  L.makeTimeline = (player) => {
    const ruler = h("div.ruler");
    const strip = h("div.strip");
    const outside = [h("div.outside.left"), h("div.outside.right")];
    const doubts = h("div.lane-track.doubts");
    const effects = h("div.lane-track.effects-lane");
    const head = h("div.playhead", { id: "playhead", tabIndex: 0, role: "slider" }, h("span.playhead-top"));
    const lanes = L.makeLanes(player, { share: (frame) => share(frame), percent: (frame) => percent(frame), frameAtX: (x) => frameAtX(x) });
    const tracks = h("div.tracks", {}, ruler, h("div.strip-row", {}, strip, outside), lanes.root, doubts, effects, head);
    const labels = h("div.lane-labels");
    const root = h("div.timeline", { id: "timeline" }, labels, tracks);
    let view = null;
    let drawn = "";
    let queue = [];
    let loading = false;

    const clip = () => view.clip;
    const share = (frame) => L.timeOf(clip(), frame) / clip().seconds;
    const percent = (frame) => `${(share(frame) * 100).toFixed(4)}%`;
    const frameAtX = (x) => {
      const box = tracks.getBoundingClientRect();
      return L.frameAt(clip(), (Math.max(0, Math.min(1, (x - box.left) / box.width))) * clip().seconds);
    };
    // The nearest edge between two frames: 0 … frames.
    const edgeAtX = (x) => {
      const frame = frameAtX(x);
      const box = tracks.getBoundingClientRect();
      return Math.min(clip().frames, x - box.left > (share(frame) + share(frame + 1)) / 2 * box.width ? frame + 1 : frame);
    };

    const drag = (element, move, end = () => {}) => element.addEventListener("pointerdown", (event) => {
      if (event.button !== 0 || !view?.clip) return;
      event.preventDefault();
      event.stopPropagation();
      element.focus?.({ preventScroll: true });
      element.setPointerCapture(event.pointerId);
      const follow = (next) => move(next.clientX);
      const stop = (last) => { element.removeEventListener("pointermove", follow); end(last.clientX); };
      element.addEventListener("pointermove", follow);
      element.addEventListener("pointerup", stop, { once: true });
      element.addEventListener("pointercancel", stop, { once: true });
      move(event.clientX);
    });
    const scrub = (x) => { L.closeSpan(); player.seek(frameAtX(x)); };
    [ruler, strip, head, ...outside].forEach((element) => drag(element, scrub));

    // In and out: dragged, or moved frame by frame with the arrow keys.
    const handle = (which) => {
      const element = h(`div.trim.${which}`, { id: `trim-${which}`, tabIndex: 0, role: "slider", onkeydown: (event) => {
        const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key] * (event.shiftKey ? Math.round(clip().rate) : 1);
        if (!step) return;
        event.preventDefault();
        event.stopPropagation();
        set(which, view.trim[which === "in" ? 0 : 1] + step);
      } });
      drag(element, (x) => { moving = [which, edgeAtX(x)]; lay(); }, () => { const [, to] = moving; moving = null; set(which, to); });
      return element;
    };
    let moving = null;
    const trimNow = () => {
      const [first, stop] = view.trim;
      if (!moving) return [first, stop];
      return moving[0] === "in" ? [Math.min(moving[1], stop - 1), stop] : [first, Math.max(moving[1], first + 1)];
    };
    const set = (which, to) => {
      const [first, stop] = view.trim;
      const next = which === "in" ? [Math.max(0, Math.min(to, stop - 1)), stop] : [first, Math.min(clip().frames, Math.max(to, first + 1))];
      L.ask({ do: "trim", start: next[0] || null, stop: next[1] < clip().frames ? next[1] : null });
    };
    const handles = [handle("in"), handle("out")];
    tracks.append(...handles);

    const lay = () => {
      if (!view?.clip) return;
      const [first, stop] = trimNow();
      handles[0].style.left = percent(first);
      handles[1].style.left = percent(stop);
      outside[0].style.width = percent(first);
      outside[1].style.width = `${(100 - share(stop) * 100).toFixed(4)}%`;
      handles.forEach((element, place) => {
        const frame = [first, stop][place];
        element.setAttribute("aria-label", t(place ? "trim.out" : "trim.in"));
        element.setAttribute("aria-valuetext", L.clock(L.timeOf(clip(), frame)));
        element.setAttribute("aria-valuenow", String(frame));
        element.setAttribute("aria-valuemax", String(clip().frames));
        element.title = `${t(place ? "trim.out" : "trim.in")} · ${place ? "O" : "I"}`;
      });
    };

    const place = () => {
      if (!view?.clip) return;
      const { frame } = player.state;
      head.style.left = percent(frame);
      head.setAttribute("aria-valuenow", String(frame));
      head.setAttribute("aria-valuemax", String(clip().frames - 1));
      head.setAttribute("aria-valuetext", t("at.frame", { time: L.clock(L.timeOf(clip(), frame)), frame }));
      head.setAttribute("aria-label", t("playhead"));
    };

    const drawRuler = () => {
      const width = tracks.clientWidth || 1;
      const { seconds } = clip();
      const step = STEPS.find((one) => (one / seconds) * width >= APART) ?? 7200;
      const count = Math.floor(seconds / step);
      L.fill(ruler, Array.from({ length: count + 1 }, (_, i) => h("span.tick", { style: `left:${(i * step / seconds) * 100}%` },
        (i * step / seconds) * width < width - 40 ? L.clock(i * step, step < 1 ? 1 : 0) : "")));
    };

    const drawStrip = () => {
      const width = tracks.clientWidth || 1;
      const one = Math.max(24, THUMB_HEIGHT * clip().width / clip().height);
      const count = Math.max(1, Math.min(60, Math.round(width / one)));
      const wanted = `${clip().key} ${count} ${clip().thumbs}`;
      if (drawn === wanted) return;
      drawn = wanted;
      const pictures = Array.from({ length: count }, (_, i) => h("img", { alt: "", draggable: false, "data-key": `thumb-${i}` }));
      const old = [...strip.children];
      pictures.forEach((picture, i) => { const there = old[Math.floor(i * old.length / count)]?.getAttribute("src"); if (there) picture.src = there; });
      strip.replaceChildren(...pictures);
      queue = pictures.map((picture, i) => [picture, `${clip().thumb}${L.frameAt(clip(), (i + 0.5) / count * clip().seconds)}?${clip().thumbs}`]);
      next();
    };
    // One after the other: they must not keep the frame waiting that somebody looks at.
    const next = () => {
      if (loading || !queue.length) return;
      const [picture, url] = queue.shift();
      loading = true;
      const image = new Image();
      image.onload = image.onerror = () => { loading = false; if (image.naturalWidth) picture.src = url; next(); };
      image.src = url;
    };

    const drawDoubts = (questions) => {
      const marks = questions.map((doubt) => h(`button.lane-mark${doubt.answered ? ".answered" : ""}`, { "data-key": `mark-${doubt.job}-${doubt.start}`,
        style: `left:${(doubt.start / clip().seconds) * 100}%;width:max(8px, ${((doubt.stop - doubt.start) / clip().seconds) * 100}%)`,
        title: L.doubtWords(doubt), "aria-label": L.doubtWords(doubt), onclick: () => player.seek(L.frameAt(clip(), doubt.start)) }, L.icon("question")));
      const boxes = view.covers.map((cover) => h("button.lane-mark.drawn-mark", { "data-key": `mark-cover-${cover.place}`, style: `left:${percent(cover.frame)}`,
        title: t("cover.chip", { n: cover.place + 1, style: L.styleName(cover.style) }),
        "aria-label": t("cover.chip", { n: cover.place + 1, style: L.styleName(cover.style) }), onclick: () => player.seek(cover.frame) }, L.icon("box")));
      L.fill(doubts, marks, boxes);
      doubts.hidden = !marks.length && !boxes.length;
    };

    const drawEffects = () => {
      const many = view.segments.length > 1;
      L.fill(effects, view.segments.map(([start, stop], i) => h(`button.span${many && i === view.selected ? ".selected" : ""}`, {
        "data-key": `segment-${i}`, id: `segment-${i + 1}`, "aria-pressed": String(i === view.selected),
        style: `left:${percent(start)};width:${((share(stop) - share(start)) * 100).toFixed(4)}%`,
        title: t("segment.span", { number: i + 1, start: L.clock(L.timeOf(clip(), start), 2), stop: L.clock(L.timeOf(clip(), stop), 2) }),
        onclick: () => { const { frame } = player.state; player.seek(frame >= start && frame < stop ? frame : start); } },
      h("span", {}, many ? t("segment", { number: i + 1 }) : ""))),
      view.segments.slice(1).map(([start], i) => {
        const edge = h("div.edge", { "data-key": `edge-${i + 1}`, style: `left:${percent(start)}`, title: t("segment.edge"),
          tabIndex: 0, role: "slider", "aria-label": t("segment.edge"), "aria-valuenow": start, "aria-valuemax": clip().frames,
          "aria-valuetext": L.clock(L.timeOf(clip(), start)),
          onkeydown: (event) => {
            const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
            if (step) { event.preventDefault(); event.stopPropagation(); L.ask({ do: "move_split", segment: i + 1, frame: start + step }); }
            if (event.key === "Delete" || event.key === "Backspace") { event.preventDefault(); L.ask({ do: "join", segment: i + 1 }); }
          },
          onpointerdown: (event) => {
            event.preventDefault();
            event.stopPropagation();
            const target = event.currentTarget;
            target.setPointerCapture(event.pointerId);
            let to = start;
            target.onpointermove = (move) => { to = frameAtX(move.clientX); target.style.left = percent(to); };
            target.onpointerup = () => {
              target.onpointermove = target.onpointerup = null;
              if (to !== start) L.ask({ do: "move_split", segment: i + 1, frame: to });
            };
          } });
        return edge;
      }));
    };

    const draw = (now, questions) => {
      view = now;
      if (!view.clip) return;
      drawRuler();
      drawStrip();
      lanes.draw(view);
      drawDoubts(questions);
      drawEffects();
      L.fill(labels, h("span.label-ruler"), h("span.label-strip", {}, t("lane.clip")), lanes.label,
        doubts.hidden ? null : h("span.label-lane", {}, t(questions.length ? "lane.questions" : "lane.boxes")), h("span.label-lane", {}, t("lane.effects")));
      lay();
      place();
    };
    new ResizeObserver(() => { if (view?.clip) { drawRuler(); drawStrip(); lanes.draw(view); } }).observe(tracks);
    return { root, draw, place, set };
  };
})();
