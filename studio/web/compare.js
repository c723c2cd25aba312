// The picture with its result laid over it: the line that is dragged, zoom, panning, numbers on the faces.
(() => {
  const L = window.Likeness;
  const { h, t } = L;
  const ZOOMS = ["fit", 1, 2];

  // name: in front of the ids, where there is another board; part: drawn anew when zoom changes; under: what lies below
  // the original (a video); over: what lies over it, cut at the line as the result is.
  L.makeBoard = (stage, { name = "", part = "viewer", under = null, over = null } = {}) => {
    const before = h("img.before", { alt: "", draggable: false });
    const after = h("img.after", { alt: "", draggable: false });
    const line = h("div.line", { id: `${name}compare`, tabIndex: 0, role: "slider", "aria-orientation": "horizontal",
      "aria-valuemin": 0, "aria-valuemax": 100 }, h("span.knob", {}, L.icon("split")));
    const chips = h("div.chips");
    const board = h("div.board", { id: `${name}board` }, under, before, after, over, chips, line);
    stage.append(board);
    const state = { at: 0.5, zoom: "fit", x: 0, y: 0, width: 1, height: 1, original: false, key: null };

    const scale = () => {
      const ratio = window.devicePixelRatio || 1;
      const fit = Math.min((stage.clientWidth - 48) / state.width, (stage.clientHeight - 88) / state.height, 4);
      return state.zoom === "fit" ? Math.max(fit, 0.01) : state.zoom / ratio;
    };
    const lay = () => {
      const s = scale();
      const width = state.width * s;
      const height = state.height * s;
      const slackX = Math.max(0, (width - stage.clientWidth) / 2 + 24);
      const slackY = Math.max(0, (height - stage.clientHeight) / 2 + 44);
      state.x = Math.max(-slackX, Math.min(slackX, state.x));
      state.y = Math.max(-slackY, Math.min(slackY, state.y));
      board.style.width = `${width}px`;
      board.style.height = `${height}px`;
      board.style.transform = `translate(calc(-50% + ${state.x}px), calc(-50% + ${state.y}px))`;
      // The knob stays in sight, a little below the middle, where it covers no face.
      const above = Math.max(0, (height - stage.clientHeight) / 2 - state.y);
      const below = Math.min(height, above + stage.clientHeight - 44);
      line.style.setProperty("--knob-y", `${above + (below - above) * 0.72}px`);
      board.classList.toggle("pixels", s * (window.devicePixelRatio || 1) > 1.5);
      stage.classList.toggle("pannable", slackX > 24 || slackY > 44);
    };
    const split = () => {
      const at = `${(state.at * 100).toFixed(2)}%`;
      for (const one of [after, over]) if (one) one.style.clipPath = state.original ? "inset(0 0 0 100%)" : `inset(0 0 0 ${at})`;
      line.style.left = at;
      line.setAttribute("aria-valuenow", String(Math.round(state.at * 100)));
      line.setAttribute("aria-label", t("compare.label"));
      board.classList.toggle("original", state.original);
    };

    // Dragging the line; dragging the picture where it is larger than its place.
    const drag = (element, move) => element.addEventListener("pointerdown", (event) => {
      if (event.button !== 0 || event.target.closest(".face-chip, .cover-chip, .drawing")) return;
      event.preventDefault();
      event.stopPropagation();
      element.setPointerCapture(event.pointerId);
      let last = event;
      const follow = (next) => { move(next, next.clientX - last.clientX, next.clientY - last.clientY); last = next; };
      const stop = () => { element.removeEventListener("pointermove", follow); };
      element.addEventListener("pointermove", follow);
      element.addEventListener("pointerup", stop, { once: true });
      element.addEventListener("pointercancel", stop, { once: true });
      if (element === line) { line.focus(); follow(event); }
    });
    drag(line, (event) => {
      const box = board.getBoundingClientRect();
      state.at = Math.max(0, Math.min(1, (event.clientX - box.left) / box.width));
      split();
    });
    drag(stage, (_event, dx, dy) => { state.x += dx; state.y += dy; lay(); });
    line.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -0.02, ArrowRight: 0.02, PageDown: -0.1, PageUp: 0.1 }[event.key];
      const to = event.key === "Home" ? 0 : event.key === "End" ? 1 : step === undefined ? null : state.at + step;
      if (to === null) return;
      event.preventDefault();
      state.at = Math.max(0, Math.min(1, to));
      split();
    });
    stage.addEventListener("wheel", (event) => {
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      const next = ZOOMS.indexOf(state.zoom) + (event.deltaY < 0 ? 1 : -1);
      setZoom(ZOOMS[Math.max(0, Math.min(2, next))], event);
    }, { passive: false });

    // Zooms so that what is under the pointer, or else the chosen face, stays where it is.
    const setZoom = (zoom, event) => {
      const box = stage.getBoundingClientRect();
      const old = scale();
      let [px, py] = event ? [event.clientX - box.left - box.width / 2, event.clientY - box.top - box.height / 2] : [0, 0];
      if (!event && state.zoom === "fit" && state.focus) {
        px = (state.focus.x - 0.5) * state.width * old;
        py = (state.focus.y - 0.5) * state.height * old;
      }
      state.zoom = zoom;
      const factor = scale() / old;
      if (zoom === "fit") { state.x = 0; state.y = 0; } else {
        state.x = event ? px - (px - state.x) * factor : (state.x - px) * factor;
        state.y = event ? py - (py - state.y) * factor : (state.y - py) * factor;
      }
      lay();
      L.draw(part);
    };

    new ResizeObserver(lay).observe(stage);

    const show = (picture, faces, covers = []) => {
      if (state.key !== picture.id) Object.assign(state, { key: picture.id, x: 0, y: 0, zoom: "fit" });
      Object.assign(state, { width: picture.width, height: picture.height });
      const focus = faces.find((face) => face.use !== "keep") ?? faces[0];
      state.focus = focus ? { x: focus.x + focus.w / 2, y: focus.y + focus.h / 2 } : null;
      if (picture.before && before.getAttribute("src") !== picture.before) before.src = picture.before;
      before.hidden = !picture.before;
      before.alt = t("viewer.alt", { name: picture.name });
      const both = Boolean(picture.after);
      if (both && after.getAttribute("src") !== picture.after) {
        // The old result stays until the new one is there: no flash of the original.
        const next = new Image();
        next.onload = () => { if (state.wanted === picture.after) { after.src = picture.after; board.dataset.after = picture.after; } };
        state.wanted = picture.after;
        next.src = picture.after;
      }
      if (!both) { state.wanted = null; after.removeAttribute("src"); delete board.dataset.after; }
      after.hidden = !both;
      line.hidden = !both && !(over && !over.hidden);
      lay();
      split();
      L.fill(chips, covers.map((cover) => L.coverChip(cover, name)), faces.map((face, place) => h(
        `button.face-chip.use-${face.use}${face.number ? "" : ".nobody"}`, { "data-key": `face-${face.number || `nobody-${place}`}`,
        id: face.number ? `${name}face-${face.number}` : null, "data-face": face.number || null, style: `left:${face.x * 100}%;top:${face.y * 100}%;width:${face.w * 100}%;height:${face.h * 100}%`,
        "aria-label": face.number ? t("face.chip", { who: L.personName(L.views.people?.people?.find((one) => one.number === face.number) ?? face) }) : t("face.nobody"), "aria-haspopup": "menu",
        onclick: (event) => L.choose(event.currentTarget, face.number, under ? { frame: L.player.state.frame, x: face.x + face.w / 2, y: face.y + face.h / 2 } : null) }, h("b.number", {}, face.number ? String(face.number) : "?"))));
    };
    const original = (on) => { if (state.original !== on) { state.original = on; split(); } };
    return { show, setZoom, original, state, board, before };
  };

  L.pointAt = (number) => document.querySelectorAll(".face-chip").forEach((chip) =>
    chip.classList.toggle("pointed", chip.dataset.face === String(number)));
})();
