// The Models screen: what there is, on what terms, what is here; choosing, downloading, taking in, removing.
(() => {
  const L = window.Likeness;
  const { h, t } = L;
  const chosen = new Set();
  let role = "all";
  let words = "";
  let hiddenToo = false;
  let told = []; // answers of the studio that are on the screen; each is shown until it is closed
  let seen = 0;
  let waiting = false;

  const ask = (what) => { waiting = true; L.draw("models"); L.places.models?.trigger("submit", what); L.lookAtJobs(); setTimeout(L.lookAtJobs, 700); };
  L.askModels = ask;
  const view = () => L.views.models ?? {};
  const rowsOf = (some = view()) => (some.roles ?? []).flatMap((one) => one.rows);
  const HERE = ["verified", "recorded", "unverified", "packaged"];
  const isHere = (row) => HERE.includes(row.state);
  const canFetch = (row) => !row.only_import; // else no address is known of it: files that somebody has are taken in

  // ---- downloads: the jobs of a model --------------------------------------------------------------------------
  const jobOf = (row) => [...L.jobs].reverse().find((job) => job.kind === "download" && job.slot === row.slot && job.state !== "done");
  const atWork = (job) => job && ["queued", "running"].includes(job.state);
  // A download that has ended changed what is here.
  let finished = null;
  L.lookAtModels = () => {
    const now = L.jobs.filter((job) => job.kind === "download" && job.state === "done").map((job) => job.id).join();
    if (finished !== null && finished !== now && L.screen === "models") ask({ do: "models" });
    finished = now;
    if (L.screen === "models") L.draw("models");
  };

  // ---- what goes together ----------------------------------------------------------------------------------------
  const withNeeds = (slots) => {
    const by = Object.fromEntries(rowsOf().map((row) => [row.slot, row]));
    const all = new Set();
    const add = (slot) => { if (by[slot] && !all.has(slot)) { all.add(slot); by[slot].needs.forEach((one) => add(one.slot)); } };
    slots.forEach(add);
    return [...all].map((slot) => by[slot]).filter((row) => canFetch(row) && !isHere(row) && !atWork(jobOf(row)));
  };
  const sizeOf = (rows) => {
    const known = rows.filter((row) => row.bytes !== null);
    const unknown = rows.length - known.length;
    const size = known.length ? L.bytes(known.reduce((sum, row) => sum + row.bytes, 0)) : null;
    if (!unknown) return size ?? "";
    return size ? t("models.size_and", { size, n: unknown }) : t("models.size_none");
  };

  // ---- the licence, once for each model ----------------------------------------------------------------------------
  const USE = { yes: "licence.commercial", no: "licence.no_commercial", unclear: "licence.unclear" };
  const use = (row) => h(`span.terms${row.commercial === "yes" ? ".yes" : ".no"}`, {}, t(USE[row.commercial]));
  const source = (row) => h("a.source", { href: row.source, target: "_blank", rel: "noopener noreferrer" }, row.source.replace(/^https:\/\//, ""));
  const download = (slots) => {
    const rows = withNeeds(slots);
    const fresh = rows.filter((row) => !row.agreed);
    const begin = () => {
      ask({ do: "fetch_models", slots: rows.map((row) => row.slot), agreed: fresh.map((row) => row.slot) });
      slots.forEach((slot) => chosen.delete(slot));
    };
    if (view().offline || !fresh.length) { begin(); return; }
    const beside = fresh.filter((row) => !slots.includes(row.slot));
    const start = h("button.button.primary", { id: "models-begin", type: "submit", disabled: true }, L.icon("save"), t("models.download"));
    const agree = h("input", { type: "checkbox", id: "models-agree", onchange: (event) => { start.disabled = !event.target.checked; } });
    L.dialogue(t(fresh.length === 1 ? "models.licence.one" : "models.licence.many"), h("form.agreeing", { method: "dialog", onsubmit: begin },
      beside.length ? h("p.hint", {}, t("models.beside", { names: beside.map((row) => L.say(row.title)).join(", ") })) : null,
      h("ul.licences", {}, fresh.map((row) => h("li", { "data-slot": row.slot },
        h("b", {}, L.say(row.title)), use(row),
        h("p", {}, L.say(row.licence), ". ", L.say(row.terms)), source(row)))),
      h("label.agree", {}, agree, h("span", {}, t(fresh.length === 1 ? "models.agree.one" : "models.agree.many"))),
      h("div.row.end", {}, h("span.hint.spring", {}, sizeOf(rows)), start))).classList.add("licence-dialogue");
    agree.focus();
  };

  // What an effect lacks, from its card: the Models screen, with the question that comes before a download.
  let wanted = [];
  L.getModels = (slots) => {
    wanted = slots;
    history.replaceState(null, "", "#models");
    L.show("models");
  };
  const askForWanted = () => {
    const slots = wanted.filter((slot) => rowsOf().some((row) => row.slot === slot && !row.barred && canFetch(row)));
    wanted = [];
    if (slots.length && view().may?.fetch) download(slots);
  };

  // ---- files that somebody has -------------------------------------------------------------------------------------
  L.takeModels = async (files) => {
    const taken = [];
    for (const file of files) {
      try { taken.push({ at: (await L.upload(file)).path, name: file.name, how: "upload" }); } catch (error) { L.notTaken(file, error); }
    }
    if (taken.length) ask({ do: "take_in_models", files: taken });
  };
  const pickFiles = () => {
    const input = h("input", { type: "file", accept: ".onnx,.dfm", multiple: true, id: "models-input", onchange: () => { L.takeModels([...input.files]); input.remove(); } });
    input.hidden = true;
    document.body.append(input);
    input.click();
  };
  const mine = () => {
    const field = h("input.text", { id: "models-path", type: "text", spellcheck: false, autocomplete: "off", placeholder: t("models.mine.placeholder"), "aria-label": t("models.mine.label") });
    const dialog = L.dialogue(t("models.mine"), h("form", { method: "dialog", onsubmit: (event) => {
      const at = L.plainPath(field.value);
      if (at && event.submitter?.id === "models-take") ask({ do: "take_in_models", files: [{ at, name: "", how: "machine" }] });
    } }, h("p.hint", {}, t("models.mine.help")), field,
    h("div.row.end", {}, h("button.button", { id: "models-choose", type: "button", onclick: () => { dialog.close(); pickFiles(); } }, L.icon("upload"), t("models.mine.choose")),
      h("button.button.primary", { id: "models-take", type: "submit" }, t("models.mine.look")))));
    field.focus();
  };
  const remove = (row) => L.dialogue(t("models.remove.title", { name: L.say(row.title) }), h("form", { method: "dialog", onsubmit: () => ask({ do: "remove_model", slot: row.slot }) },
    h("p", {}, t(row.own || !canFetch(row) ? "models.remove.own" : "models.remove.words")), row.path ? h("p.hint.path", {}, h("code", {}, row.path)) : null,
    h("div.row.end", {}, h("button.button.primary", { id: "models-remove", type: "submit" }, L.icon("trash"), t("models.remove")))));

  // ---- one row ---------------------------------------------------------------------------------------------------------
  // What is wrong stands below its row, over the whole width: hashes are long. With a remedy where no button is one.
  const trouble = (row) => {
    const job = jobOf(row);
    const one = isHere(row) || atWork(job) ? null : row.fault ?? job?.error ?? null;
    return one ? h("tr.trouble", { "data-key": `trouble-${row.slot}`, "data-trouble": row.slot }, h("td.pick"), h("td", { colSpan: 4 }, fault(one, !row.fault))) : null;
  };
  const fault = (one, remedy) => h("div.fault", { role: "alert", "data-code": one.code }, h("p", {}, L.or(`error.${one.code}`, one.words, { subject: one.subject })),
    remedy && one.remedy ? h("p.remedy", {}, L.or(`remedy.${one.code}`, one.remedy, { subject: one.subject })) : null);
  const wish = (job, what, label, icon) => h("button.button.small", { "data-key": `models-${what}-${job.id}`, "data-wish": what, onclick: () => L.wishOf(job, what) }, icon ? L.icon(icon) : null, label);
  const underWay = (job) => [
    h("div.loading", {}, job.state === "queued" ? null : L.jobBar(job), h("span.figures", { role: "status" }, L.jobWords(job))),
    job.mine && job.wanted !== "cancel" ? wish(job, "cancel", t("models.stop")) : null];
  const ended = (row, job) => [
    h(`span.state-words.${job.error ? "damaged" : "warn"}`, {}, job.error ? L.icon("warning") : null, job.done && !job.error ? t("models.stopped", { size: L.bytes(job.done) }) : t(`job.${job.state}`)),
    job.mine && view().may.fetch ? h("div.row", {}, wish(job, job.state === "interrupted" ? "go_on" : "retry", t(job.done && !job.error ? "job.do.go_on" : "job.do.retry"), "again"),
      wish(job, "remove", t("models.forget"))) : null];
  const ICONS = { verified: "check", recorded: "check", unverified: "question", damaged: "warning" };
  const byHand = (row) => [h("p.hint", { "data-by-hand": row.slot }, t("models.only_import", { file: row.file })),
    view().may.change ? h("button.button.small", { "data-key": `mine-${row.slot}`, "data-mine": row.slot, onclick: mine }, L.icon("folder"), t("models.mine")) : null];
  const settled = (row) => [
    row.state === "missing" && !row.barred && view().may.fetch ? null : h(`span.state-words.${row.state}`, { title: t(`models.state.${row.state}.help`) }, ICONS[row.state] ? L.icon(ICONS[row.state]) : null, t(`models.state.${row.state}`)),
    row.barred ? h("span.hint", {}, t("models.barred")) :
      isHere(row) || !view().may.fetch ? null : !canFetch(row) ? byHand(row) : h("button.button.small", { "data-key": `get-${row.slot}`, "data-get": row.slot, onclick: () => download([row.slot]) }, L.icon("save"), t(row.state === "damaged" ? "models.again" : "models.download")),
    row.state !== "packaged" && isHere(row) ? h("div.row", {},
      view().may.fetch ? h("button.bare", { "data-key": `verify-${row.slot}`, "data-verify": row.slot, title: t("models.verify"), "aria-label": `${t("models.verify")}: ${L.say(row.title)}`, onclick: () => ask({ do: "verify_models", slot: row.slot }) }, L.icon("again")) : null,
      view().may.change ? h("button.bare", { "data-key": `remove-${row.slot}`, "data-remove": row.slot, title: t("models.remove"), "aria-label": `${t("models.remove")}: ${L.say(row.title)}`, onclick: () => remove(row) }, L.icon("trash")) : null) : null];
  const stateOf = (row) => {
    const job = jobOf(row);
    if (isHere(row) || !job || (row.state === "damaged" && !atWork(job))) return settled(row);
    return atWork(job) ? underWay(job) : ended(row, job);
  };
  const line = (row) => h(`tr.model.is-${row.state}${row.barred ? ".barred" : ""}`, { "data-key": `model-${row.slot}`, "data-slot": row.slot, "data-state": row.state },
    h("td.pick", {}, isHere(row) || row.barred || !canFetch(row) || atWork(jobOf(row)) || !view().may.fetch ? null : h("input", { type: "checkbox", "data-key": `pick-${row.slot}`, checked: chosen.has(row.slot), "aria-label": t("models.pick", { name: L.say(row.title) }),
      onchange: (event) => { chosen[event.target.checked ? "add" : "delete"](row.slot); L.draw("models"); } })),
    h("th.what", { scope: "row" }, h("b", {}, L.say(row.title)),
      row.presets.length || row.tried === "twin" ? h("span.marks", {}, row.presets.map((one) => h("span.mark-chip.preset", { title: t("models.preset.help") }, L.or(`preset.${one}.title`, one[0].toUpperCase() + one.slice(1)))),
        row.tried === "twin" ? h("span.mark-chip", { title: t("models.twin.help") }, t("models.twin")) : h("span.mark-chip.preset", { title: t("models.real.help") }, t("models.real"))) : row.tried === "real" && row.state !== "packaged" ? h("span.marks", {}, h("span.mark-chip", { title: t("models.real.help") }, t("models.real"))) : null,
      row.needs.length ? h("small", {}, t("models.needs", { names: row.needs.map((one) => L.say(one.title)).join(", ") })) : null),
    h("td.terms-cell", {}, use(row), h("span.licence-name", {}, L.say(row.licence)), h("small", {}, L.say(row.terms))),
    h("td.size", {}, row.bytes === null ? h("span.faint", canFetch(row) ? { title: t("models.size.help") } : {}, t("models.size.unknown")) : L.bytes(row.bytes)),
    h("td.here", {}, stateOf(row)));

  // ---- the page ------------------------------------------------------------------------------------------------------
  const matches = (row) => (!words || [row.title, L.say(row.title), row.slot, row.licence, row.file].some((one) => one.toLowerCase().includes(words.toLowerCase()))) && (hiddenToo || !row.barred);
  const roleName = (one) => L.or(`models.role.${one}`, one[0].toUpperCase() + one.slice(1));
  const section = ({ role: one, rows }) => {
    const shown = rows.filter(matches);
    if (!shown.length || (role !== "all" && role !== one)) return null;
    return h("section.models-role", { "data-key": `role-${one}`, "data-role": one },
      h("h2", {}, roleName(one), h("span.count", {}, t("models.here", { here: shown.filter(isHere).length, all: shown.length }))),
      L.has(`models.role.${one}.help`) ? h("p.hint", {}, t(`models.role.${one}.help`)) : null,
      h("table.models", {}, h("thead", {}, h("tr", {}, h("th.pick", {}, h("span.unseen", {}, t("models.column.pick"))), h("th", {}, t("models.column.model")), h("th", {}, t("models.column.terms")), h("th", {}, t("models.column.size")), h("th", {}, t("models.column.state")))),
        h("tbody", {}, shown.map((row) => [line(row), trouble(row)]))));
  };
  const close = (one) => h("button.bare", { title: t("dismiss"), "aria-label": t("dismiss"), onclick: () => { told = told.filter((other) => other !== one); L.draw("models"); } }, L.icon("close"));
  const said = (one, place) => {
    const key = `told-${one.rev}-${place}`;
    if (one.kind === "error") {
      return h("div.notice", { role: "alert", "data-code": one.code, "data-key": key }, L.icon("warning"), h("div.notice-words", {},
        h("p", {}, L.or(`error.${one.code}`, one.words, { subject: one.subject })), one.remedy ? h("p.remedy", {}, L.or(`remedy.${one.code}`, one.remedy, { subject: one.subject })) : null, h("code", {}, one.code)), close(one));
    }
    if (one.kind === "verified") {
      return h("div.notice.good", { role: "status", "data-key": key, "data-told": "verified" }, L.icon("check"), h("div.notice-words", {}, h("p", {}, one.models.length ? t("models.verified", { names: one.models.map(L.say).join(", ") }) : t("models.verified.none"))), close(one));
    }
    return h(`div.notice${one.models.length ? ".good" : ""}`, { role: "status", "data-key": key, "data-told": "taken" }, L.icon(one.models.length ? "check" : "warning"), h("div.notice-words", {},
      h("p", {}, one.models.length ? t("models.taken", { names: one.models.map(L.say).join(", ") }) : t("models.taken.none")),
      one.unknown.length ? h("p.remedy", {}, t("models.taken.unknown", { names: one.unknown.join(", ") })) : null), close(one));
  };
  const chips = (all) => h("div.role-chips", { role: "group", "aria-label": t("models.show") }, ["all", ...all.map((one) => one.role)].map((one) => h("button.role-chip", { "data-key": `chip-${one}`, "data-chip": one, "aria-pressed": String(role === one),
    onclick: () => { role = one; L.draw("models"); } }, one === "all" ? t("models.all") : roleName(one))));
  const presets = (rows) => {
    const names = [...new Set(rows.filter((row) => !row.barred).flatMap((row) => row.presets))];
    if (!view().may.fetch || !names.length) return null;
    return h("span.presets", {}, h("span.hint", {}, t("models.choose_for")), names.map((name) => h("button.button.small", { "data-key": `preset-${name}`, "data-preset": name, onclick: () => {
      rows.filter((row) => row.presets.includes(name) && canFetch(row) && !isHere(row) && !row.barred).forEach((row) => chosen.add(row.slot));
      L.draw("models");
    } }, L.or(`preset.${name}.title`, name[0].toUpperCase() + name.slice(1)))));
  };
  const safe = (some) => h("label.safe", { title: some.forced ? t("models.safe.forced", { where: some.forced }) : t("models.safe.help") },
    h("input", { type: "checkbox", id: "models-safe", role: "switch", checked: some.safe, disabled: Boolean(some.forced) || !some.may.change, onchange: (event) => ask({ do: "commercial_safe", on: event.target.checked }) }),
    h("span", {}, t("models.safe")));
  const foot = () => {
    for (const slot of [...chosen]) { const row = rowsOf().find((one) => one.slot === slot); if (!row || isHere(row) || row.barred || atWork(jobOf(row))) chosen.delete(slot); }
    if (!chosen.size) return null;
    const rows = withNeeds([...chosen]);
    return h("div.chosen", { "data-key": "chosen", role: "region", "aria-label": t("models.selected.label") },
      h("span", {}, h("b", {}, t(rows.length === 1 ? "models.selected.one" : "models.selected", { n: rows.length })), " ", h("span.hint", {}, [sizeOf(rows), rows.length > chosen.size ? t("models.selected.beside", { n: rows.length - chosen.size }) : ""].filter(Boolean).join(" · "))),
      h("span.spring"),
      h("button.button", { "data-key": "choose-none", onclick: () => { chosen.clear(); L.draw("models"); } }, t("models.choose_none")),
      h("button.button.primary", { id: "models-download", "data-key": "models-download", onclick: () => download([...chosen]) }, L.icon("save"), t("models.download_selected")));
  };

  L.part("models", {
    // A page that was loaded with this screen had nobody to ask yet when it was shown.
    start() { if (L.screen === "models") ask({ do: "models" }); },
    draw(root, some) {
      root.setAttribute("role", "region");
      root.setAttribute("aria-label", t("screen.models"));
      if (!some.roles) { L.fill(root, h("div.page.wide", {}, h("h1", {}, t("models.title")), h("div.skeleton.tall", { role: "status" }, h("span", {}, t("models.looking"))))); return; }
      if (some.rev !== seen) {
        seen = some.rev;
        waiting = false;
        if (wanted.length) setTimeout(askForWanted);
        if (some.told) told = some.told.map((one) => ({ ...one, rev: some.rev }));
      }
      const rows = rowsOf(some);
      const here = rows.filter((row) => isHere(row) && row.state !== "packaged");
      const barred = rows.filter((row) => row.barred).length;
      const sections = some.roles.map(section).filter(Boolean);
      L.fill(root, h("div.page.wide", { "aria-busy": String(waiting) },
        h("h1", {}, t("models.title")),
        h("p.lead", {}, t("models.words")),
        told.length ? h("div.told", { "data-key": "told" }, told.map(said)) : null,
        some.offline ? h("div.calm-note", { "data-key": "offline", "data-note": "offline" }, L.icon("warning"), h("p", {}, t("models.offline"))) : null,
        !here.length && !rows.some((row) => row.state === "packaged" && row.barred) && !L.jobs.some((job) => job.kind === "download" && atWork(job)) ? h("div.calm-note.good", { "data-key": "empty", "data-note": "empty" }, L.icon("check"), h("div", {}, h("p", {}, h("b", {}, t("models.empty"))), h("p", {}, t("models.empty.words")))) : null,
        h("div.models-tools", { "data-key": "tools" },
          h("input.search", { type: "search", id: "models-search", "data-key": "models-search", value: words, placeholder: t("models.search"), "aria-label": t("models.search"), oninput: (event) => { words = event.target.value.trim(); L.draw("models"); } }),
          presets(rows), h("span.spring"), safe(some),
          some.may.fetch && here.length ? h("button.button", { id: "models-verify", "data-key": "models-verify", disabled: waiting, title: t("models.verify_all.help"), onclick: () => ask({ do: "verify_models" }) }, L.icon("again"), t("models.verify_all")) : null,
          some.may.change ? h("button.button", { id: "models-mine", "data-key": "models-mine", onclick: mine }, L.icon("folder"), t("models.mine")) : null),
        chips(some.roles),
        some.safe ? h("div.calm-note", { "data-key": "safe", "data-note": "safe" }, L.icon("eyeoff"), h("div", {}, h("p", {}, barred === 1 ? t("models.hidden.one") : t("models.hidden", { n: barred }), some.forced ? ` ${t("models.safe.forced", { where: some.forced })}` : ""),
          rows.some((row) => row.state === "packaged" && row.barred) ? h("p", {}, t("models.safe.packaged", { names: rows.filter((row) => row.state === "packaged" && row.barred).map((row) => L.say(row.title)).join(", ") })) : null,
          barred ? h("button.button.small", { "data-key": "hidden-too", onclick: () => { hiddenToo = !hiddenToo; L.draw("models"); } }, t(hiddenToo ? "models.hide" : "models.show_hidden")) : null)) : null,
        sections.length ? sections : h("p.hint.nothing", { "data-key": "nothing" }, t("models.nothing")),
        some.folder ? h("p.hint.data-folder", {}, t("models.folder"), " ", h("code", {}, some.folder)) : null),
      foot());
    },
  });
})();
