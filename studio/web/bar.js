// The top bar: screens, what the machine is, and the one primary action.
(() => {
  const L = window.Likeness;
  const { h, t } = L;
  const TOLD_FOR = 8000; // milliseconds that a message stays which asks for nothing
  const READ_FOR = 25000; // and one that says what a format could not keep
  let fetched = 0;
  let told = null;
  let fading = null;
  let choice = { format: null, quality: null };

  const screens = ["image", "clip", "models", "system"];
  L.screen = "image";
  // Whether a picture or a clip is worked on there; the other screens leave the studio's word on that alone.
  L.isWork = (screen) => ["image", "clip"].includes(screen);
  L.show = (screen) => {
    const before = L.screen;
    L.screen = screens.includes(screen) ? screen : "image";
    document.documentElement.dataset.screen = L.screen;
    L.player?.pause();
    tellScreen();
    if (before === "models" && L.isWork(L.screen)) L.ask({ do: "screen", to: L.screen }); // what effects lack may be here now
    if (L.screen === "system") L.places.system?.trigger("submit", {});
    if (L.screen === "models") L.askModels({ do: "models" });
    L.redraw();
  };

  // The studio has to know which of the two is looked at: what is asked for is about that one.
  let toldScreen = null;
  const tellScreen = () => {
    const view = L.views.bar;
    if (view?.tab === undefined || !L.isWork(L.screen) || (toldScreen ?? view.screen) === L.screen) return;
    toldScreen = L.screen;
    L.ask({ do: "screen", to: L.screen });
  };
  // And it may have opened something on the other.
  let moved = 0;
  const followScreen = (view) => {
    if (view.moved > moved) {
      moved = view.moved;
      toldScreen = view.screen;
      if (L.screen !== view.screen) { history.replaceState(null, "", `#${view.screen}`); L.show(view.screen); }
    } else tellScreen();
  };

  const fetchFile = (url, name) => {
    const link = h("a", { href: url, download: name });
    document.body.append(link);
    link.click();
    link.remove();
  };

  const fetchOffer = (offer) => {
    if (!offer || offer.n <= fetched) return;
    fetched = offer.n;
    fetchFile(offer.url, offer.name);
    if (offer.sidecar) fetchFile(offer.sidecar.url, offer.sidecar.name);
    told = offer;
    clearTimeout(fading);
    fading = setTimeout(() => { told = null; L.draw("bar"); }, offer.notes.length ? READ_FOR : TOLD_FOR);
  };

  // What was saved, where it went, and what its format could not keep.
  const saved = (offer) => h("div.notice.good", { role: "status", "data-key": `saved-${offer.n}` },
    L.icon("check"),
    h("div.notice-words", {}, h("p", {}, t("saved", { name: offer.name })),
      offer.sidecar ? h("p.remedy", {}, t("saved.sidecar", { name: offer.sidecar.name })) : null,
      offer.notes.map((note) => h("p.remedy", { "data-code": note.code }, L.remark(note)))),
    h("button.bare", { title: t("dismiss"), "aria-label": t("dismiss"),
      onclick: () => { told = null; L.draw("bar"); } }, L.icon("close")));

  // The studio behind the page was ended, or was started again since.
  const ended = () => {
    if (L.lost) {
      return h("div.notice", { role: "alert", "data-key": "lost" }, L.icon("warning"),
        h("div.notice-words", {}, h("p", {}, t("lost")), h("p.remedy", {}, t("lost.remedy"))));
    }
    return L.restarted ? h("div.notice", { role: "alert", "data-key": "restarted" }, L.icon("warning"),
      h("div.notice-words", {}, h("p", {}, t("restarted")), h("p.remedy", {}, t("restarted.remedy"))),
      h("button.bare", { title: t("dismiss"), "aria-label": t("dismiss"),
        onclick: () => { L.restarted = false; L.draw("bar"); } }, L.icon("close"))) : null;
  };

  // Closing or reloading the page lets go of the work: the browser asks where something is not saved.
  window.addEventListener("beforeunload", (event) => { if (!L.lost && (L.views.bar?.unsaved || L.uploading)) event.preventDefault(); });

  const titleOf = (view, name) => view.formats?.find((format) => format.name === name)?.title ?? "";

  const saveOptions = (anchor, view) => {
    const now = choice.format ?? view.format;
    const lossless = view.formats.find((format) => format.name === now)?.lossless;
    const redraw = () => { L.closeMenu(); L.draw("bar"); saveOptions(document.getElementById("save-options"), view); };
    L.popover(anchor, t("save.options"), [
      h("label.field", {}, h("span", {}, t("save.format")),
        h("select", { id: "save-format", onchange: (event) => { choice.format = event.target.value; redraw(); } },
          view.formats.map((format) => h("option", { value: format.name, selected: format.name === now },
            format.name === view.format ? t("save.as_picture", { format: format.title }) : format.title)))),
      lossless ? h("p.hint", {}, t("save.lossless")) :
        h("label.field", {}, h("span", {}, t("save.quality")),
          h("select", { id: "save-quality", onchange: (event) => { choice.quality = Number(event.target.value) || null; } },
            [null, 80, 90, 95, 100].map((quality) => h("option", { value: quality ?? "", selected: quality === choice.quality },
              quality === null ? t("save.quality_own") : String(quality))))),
      h("p.hint", {}, t("save.where")),
      h("hr"),
      h("div.row", {},
        h("button.button", { id: "save-recipe", onclick: () => { L.closeMenu(); L.ask({ do: "save_recipe" }); } },
          L.icon("recipe"), t("save.recipe")),
        h("button.button", { id: "load-recipe", onclick: () => { L.closeMenu(); L.pickRecipe(); } }, t("load.recipe"))),
    ]);
  };

  const recipeOptions = (anchor) => L.popover(anchor, t("render.more"), [
    h("p.hint", {}, t("recipe.words")),
    h("div.row", {},
      h("button.button", { id: "save-recipe", onclick: () => { L.closeMenu(); L.ask({ do: "save_recipe" }); } }, L.icon("recipe"), t("save.recipe")),
      h("button.button", { id: "load-recipe", onclick: () => { L.closeMenu(); L.pickRecipe(); } }, t("load.recipe"))),
  ]);
  const primary = (view) => (view.screen === "clip" ? h("span.split-button", { "data-key": "render-button" },
    h("button.button.primary", { id: "render", "data-key": "render", disabled: !view.can_render,
      title: view.can_render ? `${t("render.help")} · Ctrl+Enter` : t("render.nothing"), onclick: () => L.renderDialogue() }, L.renderWords(view)),
    h(`button.button.caret${view.can_render ? ".primary" : ""}`, { id: "recipe-options", "data-key": "recipe-options", "aria-haspopup": "dialog",
      title: t("render.more"), "aria-label": t("render.more"), onclick: (event) => recipeOptions(event.currentTarget) }, L.icon("down"))) :
    h("span.split-button", { "data-key": "save-button" },
      h("button.button.primary", { id: "save", "data-key": "save", disabled: !view.can_save,
        title: view.can_save ? `${t("save.where")} · Ctrl+S` : t("save.nothing"), onclick: L.save }, saveWords(view)),
      h(`button.button.caret${view.can_save ? ".primary" : ""}`, { id: "save-options", "data-key": "save-options", "aria-haspopup": "dialog",
        title: t("save.options"), "aria-label": t("save.options"),
        onclick: (event) => saveOptions(event.currentTarget, view) }, L.icon("down"))));
  const saveWords = (view) => {
    const format = titleOf(view, choice.format ?? view.format);
    return format ? t("save", { format }) : t("save.plain");
  };

  L.save = () => {
    const view = L.views.bar;
    if (view?.can_save) L.ask({ do: "save", ...choice });
  };

  L.part("bar", {
    start(root) {
      const bar = root;
      bar.setAttribute("role", "banner");
      L.show(location.hash.slice(1) || "image");
      window.addEventListener("hashchange", () => L.show(location.hash.slice(1)));
    },
    draw(root, view) {
      document.documentElement.dataset.role = L.me().role;
      fetchOffer(view.offer);
      followScreen(view);
      if (view.screen === "clip") L.drawRender();
      L.fill(root,
        h("a.brand", { href: "#image", "aria-label": "Likeness" }, h("span.mark", { "aria-hidden": "true" }), "Likeness"),
        h("nav.tabs", { "aria-label": t("screens") }, screens.map((screen) => h("a", { href: `#${screen}`,
          id: `tab-${screen}`, "data-key": `tab-${screen}`, "aria-current": L.screen === screen ? "page" : null },
        t(`screen.${screen}`)))),
        h("span.spring"),
        h("span.chip.machine", { title: t("machine.help") }, h("span.dot.good", { "aria-hidden": "true" }),
          t(view.cores === 1 ? "machine.one" : "machine", { cores: view.cores })),
        L.isAway() || L.shared ? null : h("span.chip.offline", { title: t("offline.help") }, t("offline")),
        L.shareButton(view),
        !L.mayEdit() ? null : h("span.pair", {},
          h("button.button.quiet", { id: "undo", "data-key": "undo", disabled: !view.can_undo, title: `${t("undo")} · Ctrl+Z`,
            "aria-label": t("undo"), onclick: () => L.ask({ do: "undo" }) }, L.icon("undo")),
          h("button.button.quiet", { id: "redo", "data-key": "redo", disabled: !view.can_redo, title: `${t("redo")} · Ctrl+Y`,
            "aria-label": t("redo"), onclick: () => L.ask({ do: "redo" }) }, L.icon("redo"))),
        L.mayEdit() ? primary(view) : null,
        L.lost || L.restarted || view.notices.length || told ?
          h("div.bar-notices", {}, ended(), L.notices(view.notices), told ? saved(told) : null) : null);
    },
  });
})();
