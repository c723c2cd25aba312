// Bottom: what is running, how far it is, and how to stop it; keys, language, light.
(() => {
  const L = window.Likeness;
  const { h, t } = L;

  const job = (view) => {
    if (L.lost) return h("span.problem", { id: "state" }, L.icon("warning"), t("state.lost"));
    if (L.uploading) {
      const { name, share, stop } = L.uploading;
      return [h("span.stage", { role: "status" }, t("stage.uploading", { name })),
        h("progress", { max: 100, value: share ? Math.round(share * 100) : undefined, "aria-label": t("stage.uploading", { name }) }),
        share ? h("span.figures", {}, `${Math.round(share * 100)} %`) : null,
        h("button.button.small", { id: "upload-stop", "data-key": "upload-stop", onclick: stop }, t("cancel"))];
    }
    if (view.busy && L.isWork(L.screen)) {
      const percent = Math.round(view.busy.share * 100);
      return [h("span.stage", { role: "status" }, t(`stage.${view.busy.stage}`)),
        h("progress", { max: 100, value: view.busy.share > 0 ? percent : undefined, "aria-label": t(`stage.${view.busy.stage}`) }),
        view.busy.share > 0 ? h("span.figures", {}, `${percent} %`) : null,
        h("button.button.small", { id: "cancel", "data-key": "cancel", onclick: () => L.ask({ do: "cancel" }) }, t("cancel"))];
    }
    if (L.problem) {
      return h("span.problem", { role: "alert" }, L.icon("warning"), L.problem,
        h("button.bare", { "aria-label": t("dismiss"), onclick: () => { L.problem = null; L.draw("tray"); } }, L.icon("close")));
    }
    if (!view.open) return h("span.stage.idle", { id: "state" }, t("state.ready"));
    if (view.halted) {
      return [h("span.stage", { id: "state" }, t("state.halted")),
        h("button.button.small", { id: "refresh", "data-key": "refresh", onclick: () => L.ask({ do: "refresh" }) }, t("look.again"))];
    }
    if (!view.changed) return h("span.stage.idle", { id: "state" }, t("state.unchanged"));
    if (L.screen === "clip" && !view.fresh) {
      return [h("span.stage", { id: "state" }, t("state.stopped")),
        h("button.button.small", { id: "refresh", "data-key": "refresh", onclick: () => L.ask({ do: "refresh" }) }, t("refresh"))];
    }
    if (L.screen === "clip") return h("span.stage.idle", { id: "state" }, h("span.dot.good", { "aria-hidden": "true" }), t("state.clip_fresh"));
    if (!view.fresh) {
      return [h("span.stage", { id: "state" }, t("state.stopped")),
        h("button.button.small", { id: "refresh", "data-key": "refresh", onclick: () => L.ask({ do: "refresh" }) }, t("refresh"))];
    }
    return h("span.stage.idle", { id: "state" }, h("span.dot.good", { "aria-hidden": "true" }),
      t("state.fresh", { seconds: view.seconds === null ? "" : view.seconds.toFixed(1) }));
  };

  L.part("tray", {
    draw(root, view) {
      root.setAttribute("role", "contentinfo");
      const dark = L.theme !== "light";
      L.fill(root, h("div.job", {}, job(view)), L.trayJob(), h("span.spring"),
        h("button.button.quiet.small", { id: "keys", "data-key": "keys", onclick: L.showKeys },
          h("kbd", {}, "?"), t("keys")),
        h("button.button.quiet.small", { id: "theme", "data-key": "theme", title: t(dark ? "theme.light" : "theme.dark"),
          "aria-label": t(dark ? "theme.light" : "theme.dark"), onclick: () => L.setTheme(dark ? "light" : "dark") },
        L.icon(dark ? "sun" : "moon")),
        h("span.segments.languages", { role: "group", "aria-label": "Language / 语言" },
          [["en", "EN"], ["zh-CN", "中文"]].map(([code, name]) => h("button.segment", { id: `language-${code}`, lang: code,
            "data-key": `language-${code}`, "aria-pressed": String(L.language === code), onclick: () => L.setLanguage(code) }, name))));
    },
  });
})();
