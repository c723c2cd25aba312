// The System screen: the checks of this machine, and the terms of the data files that it works with.
(() => {
  const L = window.Likeness;
  const { h, t } = L;

  const row = (one) => h(`tr.state-${one.state}`, { "data-check": one.name },
    h("th", { scope: "row" }, L.or(`check.${one.name}`, one.name)),
    h("td.state", {}, L.icon(one.state === "ok" ? "check" : "warning"), t(`check.state.${one.state}`)),
    h("td", {}, one.words, one.remedy ? h("p.remedy", {}, one.remedy) : null));

  const TERMS = { yes: "licence.commercial", no: "licence.no_commercial", unclear: "licence.unclear" };
  const licence = (one) => h("li", { "data-file": one.file },
    h("b", {}, one.name), h(`span.terms${one.commercial === "yes" ? "" : ".no"}`, {}, t(TERMS[one.commercial])),
    h("p", {}, one.licence), h("p", {}, one.terms), h("code", {}, one.file));

  L.part("system", {
    draw(root, view) {
      root.setAttribute("role", "region");
      root.setAttribute("aria-label", t("screen.system"));
      L.fill(root, h("div.page", {},
        h("h1", {}, t("system.title")),
        h("p.lead", {}, t("system.words")),
        view.rows ? h("table.checks", { id: "checks" }, h("tbody", {}, view.rows.map(row))) : h("div.skeleton.tall", { role: "status" }, h("span", {}, t("system.looking"))),
        h("h2", {}, t("licences.title")),
        h("ul.licences", { id: "licences" }, (view.licences ?? []).map(licence)),
        view.data_dir ? h("p.hint.data-folder", {}, t("system.data_dir"), " ", h("code", {}, view.data_dir)) : null));
    },
  });
})();
