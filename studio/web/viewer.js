// Centre: the picture, or the ways to bring one.
(() => {
  const L = window.Likeness;
  const { h, t } = L;
  let parts = null;

  const credits = (example) => t("example.credit", { source: `${example.source[0]} (${example.source[1]})`,
    target: `${example.target[0]} (${example.target[1]})` });

  // Who only looks finds the results below.
  const looking = () => h("div.empty", {}, h("div.empty-drop", {}, L.icon("eye"), h("h1", {}, t("viewer.empty.title")),
    h("p", {}, t("viewer.empty.words"))));
  L.lookingOnly = looking;
  const empty = (view) => (L.mayEdit() ? offer(view) : looking());
  const offer = (view) => h("div.empty", {},
    h("div.empty-drop", {},
      L.icon("upload"),
      h("h1", {}, t("empty.title")),
      h("p", {}, t("empty.words")),
      h("div.row.centre", {},
        h("button.button.primary.large", { id: "try-example", "data-key": "try-example",
          onclick: () => L.ask({ do: "example" }) }, t("empty.example")),
        h("button.button.large", { id: "open-file", "data-key": "open-file", onclick: () => L.pick("open") },
          L.icon("upload"), t("way.file"))),
      h("div.row.centre", {},
        L.isOwner() ? h("button.button.quiet", { id: "open-path", "data-key": "open-path", onclick: () => L.askPath("open") },
          L.icon("folder"), t("way.path")) : null,
        h("button.button.quiet", { id: "open-webcam", "data-key": "open-webcam", onclick: () => L.webcam("open") },
          L.icon("camera"), t("way.webcam"))),
      h("p.credit", {}, credits(view.example))));

  const zoomName = (zoom) => (zoom === "fit" ? t("zoom.fit") : `${zoom * 100} %`);

  const facts = (view) => {
    const { picture } = view;
    return h("div.facts", {},
      h("span.chip", { title: picture.name }, h("bdi.file", {}, picture.name)),
      h("span.chip.figures", {}, `${picture.width} × ${picture.height} · ${picture.format}${picture.depth > 8 ? ` · ${picture.depth} bit` : ""}`),
      picture.after ? h("span.chip.keys-hint", {}, t("hold_space")) : null,
      picture.notes.map((note) => h("span.chip.note", { "data-code": note.code }, L.remark(note))));
  };

  const tools = (view) => h("div.tools", { role: "toolbar", "aria-label": t("viewer.tools") },
    h("span.segments", { role: "group", "aria-label": t("zoom.label") }, ["fit", 1, 2].map((zoom) => h("button.segment", {
      "data-key": `zoom-${zoom}`, id: `zoom-${zoom}`, "aria-pressed": String(parts.board.state.zoom === zoom),
      onclick: () => parts.board.setZoom(zoom) }, zoomName(zoom)))),
    view.picture.after ? h("button.button.quiet", { id: "show-original", "data-key": "show-original", title: t("original.help"),
      "aria-pressed": String(Boolean(parts.held)),
      onclick: () => { parts.held = !parts.held; parts.board.original(parts.held); L.draw("viewer"); } }, L.icon("eye"),
    t("original")) : null,
    L.drawButton(() => parts.board.board),
    h("span.spring"),
    h("button.button.quiet", { id: "open-another", "data-key": "open-another", "aria-haspopup": "menu",
      onclick: (event) => L.waysIn(event.currentTarget, "open", t("open.another")) }, L.icon("folder"), t("open.another")));

  const legend = (view) => {
    if (!view.picture.after) return null;
    return [h("span.side.left", { "aria-hidden": "true" }, t("before")), h("span.side.right", { "aria-hidden": "true" }, t("after"))];
  };

  const busy = (view) => (view.busy ? h("div.working", { role: "status" }, h("span.spinner", { "aria-hidden": "true" }),
    t(`stage.${view.busy.stage}`)) : null);

  L.showOriginal = (on) => (L.screen === "clip" ? L.showClipOriginal(on) : parts?.board.original(on || Boolean(parts.held)));

  L.part("viewer", {
    start(root) {
      root.setAttribute("role", "region"); // Gradio's page has its own "main"
    },
    draw(root, view) {
      if (!parts) {
        const stage = h("div.stage", { id: "stage" });
        parts = { stage, top: h("div.top"), overlay: h("div.overlay"), foot: h("div.foot"), blank: h("div.blank") };
        parts.board = L.makeBoard(stage);
        root.append(parts.top, stage, parts.overlay, parts.blank, parts.foot);
      }
      root.setAttribute("aria-label", t("viewer.region"));
      const { picture } = view;
      const ready = Boolean(picture?.before);
      root.classList.toggle("has-picture", ready);
      parts.stage.hidden = !ready;
      parts.blank.hidden = ready || Boolean(picture) || Boolean(view.busy) || L.screen === "clip";
      L.fill(parts.blank, parts.blank.hidden ? null : empty(view));
      if (ready) parts.board.show(picture, view.faces, view.covers);
      parts.board.board.classList.toggle("stale", Boolean(picture?.after) && view.stale);
      L.fill(parts.top, ready ? facts(view) : null, L.notices(view.notices));
      L.fill(parts.overlay, busy(view), ready ? legend(view) : null);
      L.fill(parts.foot, ready ? tools(view) : null);
    },
  });
})();
