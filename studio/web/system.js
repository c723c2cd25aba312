// The System screen: the checks of this machine, and the terms of the data files that it works with.
(() => {
  const L = window.Likeness;
  const { h, t } = L;

  const short = (providers) => providers.map((one) => (one.name ?? one).replace("ExecutionProvider", "")).join(", ");
  const nameOf = (one, licences) => {
    const model = licences.find(({ file }) => file === one.values?.file);
    if (model) return L.say(model.name);
    if (one.values?.network) return t("system.network", { name: one.values.network });
    if (one.values?.device) return t("system.networks", { name: one.values.device });
    return L.or(`check.${one.name}`, one.name === "ffmpeg" ? one.name : one.name[0].toUpperCase() + one.name.slice(1));
  };
  // A row's values in figures and names, for languages that say its words in their own way.
  const valuesOf = ({ values = {} }) => ({ ...values,
    size: `${((values.bytes ?? 0) / 1e6).toFixed(1)} MB`, free: `${((values.free_bytes ?? 0) / 1e9).toFixed(1)} GB`,
    seconds: (values.seconds ?? 0).toFixed(1), graphics: (values.graphics ?? []).join(", ") || "–",
    where: short(values.providers ?? []) || "–", missed: short(values.missed ?? []), moved: L.bytes(values.moved ?? 0),
    rows: Object.entries(values.batches ?? {}).map(([size, runs]) => `${size} × ${runs}`).join(", "), each: (values.ms_each ?? 0).toFixed(1),
    licence: L.say(values.licence ?? ""), terms: L.say(values.terms ?? ""), usable: short(values.usable ?? []) || "–",
    broken: short((values.tried ?? []).filter((one) => !one.works)) || "–" });
  const kindOf = ({ name, values = {} }) => (values.slot ? "model" : values.network ? (values.runs ? "network" : "network.idle") : values.device ? "networks" : name);
  const wordsOf = (one) => (one.values?.code ? one.words : L.or(`check.${kindOf(one)}.${one.state}`, one.words, valuesOf(one)));

  const row = (one, licences) => h(`tr.state-${one.state}`, { "data-check": one.name },
    h("th", { scope: "row" }, nameOf(one, licences)),
    h("td.state", {}, L.icon(one.state === "ok" ? "check" : "warning"), t(`check.state.${one.state}`)),
    h("td", {}, wordsOf(one), one.remedy ? h("p.remedy", {}, L.say(one.remedy)) : null));

  const TERMS = { yes: "licence.commercial", no: "licence.no_commercial", unclear: "licence.unclear" };
  const licence = (one) => h("li", { "data-file": one.file },
    h("b", {}, L.say(one.name)), h(`span.terms${one.commercial === "yes" ? "" : ".no"}`, {}, t(TERMS[one.commercial])),
    h("p", {}, L.say(one.licence)), h("p", {}, L.say(one.terms)), h("code", {}, one.file));

  L.part("system", {
    // A page that was loaded with this screen had nobody to ask yet when it was shown.
    start(root, place) { if (L.screen === "system") place.trigger("submit", {}); },
    draw(root, view) {
      root.setAttribute("role", "region");
      root.setAttribute("aria-label", t("screen.system"));
      L.fill(root, h("div.page", {},
        h("h1", {}, t("system.title")),
        h("p.lead", {}, t("system.words")),
        view.rows ? h("table.checks", { id: "checks" }, h("tbody", {}, view.rows.map((one) => row(one, view.licences ?? [])))) : h("div.skeleton.tall", { role: "status" }, h("span", {}, t("system.looking"))),
        h("h2", {}, t("licences.title")),
        h("ul.licences", { id: "licences" }, (view.licences ?? []).map(licence)),
        view.settings ? [h("h2", {}, t("settings.title")), h("p.hint", {}, t("settings.words", { file: view.file })),
          h("table.checks", { id: "settings" }, h("tbody", {}, view.settings.map((one) => h("tr", { "data-setting": one.name, "data-origin": one.origin },
            h("th", { scope: "row" }, h("code", {}, one.flag)), h("td", {}, h("bdi", {}, one.value || "–")),
            h("td.faint", { title: `${one.flag} · ${one.variable} · ${one.name} =` }, t(`settings.from.${one.origin}`), one.where ? ` · ${one.where}` : "")))))] : null,
        view.data_dir ? h("p.hint.data-folder", {}, t("system.data_dir"), " ", h("code", {}, view.data_dir)) : null));
    },
  });
})();
