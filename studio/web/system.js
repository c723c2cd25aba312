// The System screen: the checks of this machine, and the terms of what the program stands on.
(() => {
  const L = window.Likeness;
  const { h, t } = L;

  const row = (one) => h(`tr.state-${one.state}`, {},
    h("th", { scope: "row" }, L.or(`check.${one.name}`, one.name)),
    h("td.state", {}, L.icon(one.state === "ok" ? "check" : "warning"), t(`check.state.${one.state}`)),
    h("td", {}, one.words, one.remedy ? h("p.remedy", {}, one.remedy) : null));

  L.part("system", {
    draw(root, view) {
      root.setAttribute("role", "region");
      root.setAttribute("aria-label", t("screen.system"));
      L.fill(root, h("div.page", {},
        h("h1", {}, t("system.title")),
        h("p.lead", {}, t("system.words")),
        view.rows ? h("table.checks", { id: "checks" }, h("tbody", {}, view.rows.map(row))) : h("div.skeleton.tall"),
        h("h2", {}, t("licences.title")),
        h("ul.licences", { id: "licences" },
          (view.licences ?? []).map((one) => h("li", {}, h("b", {}, one.name),
            one.commercial === null ? null : h(`span.terms${one.commercial ? "" : ".no"}`, {},
              t(one.commercial ? "licence.commercial" : "licence.no_commercial")),
            h("p", {}, one.terms)))),
        view.data_dir ? h("p.hint", {}, t("system.data_dir"), " ", h("code", {}, view.data_dir)) : null));
    },
  });
})();
