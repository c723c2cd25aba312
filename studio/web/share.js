// Letting others in: the tunnel, links for guests, who is connected. And for guests, who they are here.
(() => {
  const L = window.Likeness;
  const { h, t } = L;
  const LOOK = 1000; // milliseconds between two looks while the dialogue is open
  let open = null;
  let state = null;
  let how = { kind: "gradio", ssh: "", cmd: "" };
  let guest = { name: "", role: "viewer", days: 7 };
  let password = null;
  let made = null;
  let wrong = null;

  L.me = () => L.views.bar?.visitor ?? { role: "owner" };
  L.isOwner = () => L.me().role === "owner";
  L.mayEdit = () => L.me().role !== "viewer";

  const ask = async (method, path, body) => {
    wrong = null;
    try {
      const answer = await fetch(`access/${path}`, { method, cache: "no-store", headers: { "content-type": "application/json" },
        body: body === undefined ? undefined : JSON.stringify(body) });
      const told = await answer.json();
      if (!answer.ok) { wrong = told; draw(); return null; }
      if (told.password) password = told.password;
      if (told.made) made = told.made;
      if (told.tunnel) state = told;
      draw();
      return told;
    } catch { L.pulse?.(); return null; }
  };
  const look = async () => {
    if (!open) return;
    const before = JSON.stringify(state);
    const answer = await fetch("access/sharing", { cache: "no-store" }).catch(() => null);
    if (answer?.ok) state = await answer.json();
    if (open && JSON.stringify(state) !== before) draw();
    setTimeout(look, LOOK);
  };

  // Where a guest goes: through the tunnel if there is one, else where this page came from.
  const base = () => (state.tunnel.state === "open" ? `${state.tunnel.link}/` : location.origin + location.pathname);
  const copyable = (id, text, label) => h("div.copyable", { "data-key": id },
    h("input.text", { id, type: "text", readOnly: true, value: text, "aria-label": label, onfocus: (event) => event.target.select() }),
    h("button.button.small", { "data-key": `${id}-copy`, onclick: async (event) => {
      const field = document.getElementById(id);
      field.select();
      // On a page that is not secure the browser has no clipboard to write to; the old way still works there.
      const done = await navigator.clipboard?.writeText(text).then(() => true, () => false) ?? document.execCommand("copy");
      field.nextElementSibling.firstChild.replaceWith(L.icon(done ? "check" : "warning"));
      if (!done) field.title = field.nextElementSibling.title = t("insecure.copy");
    } }, L.icon("copy"), t("copy")));
  const problem = (error) => h("div.notice", { role: "alert", "data-code": error.code }, L.icon("warning"), h("div.notice-words", {},
    h("p", {}, L.or(`error.${error.code}`, error.message ?? error.words, { subject: error.subject, message: error.message ?? error.words })),
    error.remedy ? h("p.remedy", {}, L.or(`remedy.${error.code}`, error.remedy, { subject: error.subject })) : null, h("code", {}, error.code)));

  // ---- the tunnel ------------------------------------------------------------------------------------------------
  const KINDS = ["gradio", "ssh", "cmd"];
  const asked = () => (how.kind === "gradio" ? "gradio" : `${how.kind}:${how[how.kind].trim()}`);
  const choose = () => h("form.share-how", { onsubmit: (event) => { event.preventDefault(); ask("POST", "tunnel", { how: asked() }); } },
    h("fieldset.kinds", {}, h("legend.hidden", {}, t("share.how")), KINDS.map((kind) => h("label.kind", {},
      h("input", { type: "radio", name: "share-kind", id: `share-${kind}`, value: kind, checked: how.kind === kind, onchange: () => { how.kind = kind; draw(); } }),
      h("span", {}, h("b", {}, t(`share.${kind}`)), h("small", {}, t(`share.${kind}.help`)))))),
    how.kind === "gradio" ? null : h("input.text", { id: "share-text", "data-key": `share-text-${how.kind}`, type: "text", spellcheck: false, autocomplete: "off", required: true, value: how[how.kind],
      placeholder: t(`share.${how.kind}.placeholder`), "aria-label": t(`share.${how.kind}`), oninput: (event) => { how[how.kind] = event.target.value; } }),
    h("div.row.end", {}, h("button.button.primary", { id: "share-open", type: "submit" }, t("share.open"))));
  const tunnel = () => {
    const { tunnel: now } = state;
    if (now.state === "closed" || now.state === "failed") return [now.error ? problem(now.error) : null, choose()];
    return [
      h("p.share-state", { id: "share-state", role: "status", "data-state": now.state },
        now.state === "open" ? h("span.dot.good", { "aria-hidden": "true" }) : h("span.spinner", { "aria-hidden": "true" }),
        t(`share.is.${now.state}`, { how: now.how })),
      now.error ? problem(now.error) : null,
      now.state === "open" ? h("div.share-link", {}, copyable("share-link", `${now.link}/`, t("share.link")),
        h("img.qr", { src: state.qr, alt: t("share.qr") })) : null,
      h("p.hint", {}, t("share.sleep")),
      h("div.row.end", {}, h("button.button", { id: "share-close", "data-key": "share-close", onclick: () => ask("DELETE", "tunnel") }, t("share.close")))];
  };

  // ---- the owner's password, guests, who is here -------------------------------------------------------------------
  const secret = () => (password ? h("div.notice.good", { "data-key": "share-password", role: "status" }, L.icon("check"), h("div.notice-words", {},
    h("p", {}, t("share.password")), copyable("share-password", password, t("share.password_label")), h("p.remedy", {}, t("share.password_once")))) : null);
  const day = (seconds) => new Date(seconds * 1000).toLocaleDateString(L.language, { day: "numeric", month: "long" });
  const guests = () => [
    h("h3", {}, t("share.guests")),
    h("p.hint", {}, t(state.asks ? "share.guests.words" : "share.guests.closed")),
    state.links.length ? h("ul.share-list", { id: "share-links" }, state.links.map((link) => h("li", { "data-key": `link-${link.id}` },
      h("bdi", {}, link.name), h("span.chip", {}, t(`role.is.${link.role}`)), h("span.faint", {}, t("share.until", { day: day(link.expires) })), h("span.spring"),
      h("button.button.small", { "data-key": `end-${link.id}`, "data-end": link.id, onclick: () => ask("DELETE", `links/${link.id}`) }, t("share.end"))))) : null,
    made ? h("div.notice.good", { "data-key": "share-made", role: "status" }, L.icon("check"), h("div.notice-words", {}, h("p", {}, t("share.made")),
      copyable("guest-link", `${base()}#guest=${made.token}`, t("share.guest_link")), h("p.remedy", {}, t("share.made_once")))) : null,
    h("form.share-guest", { onsubmit: (event) => { event.preventDefault(); made = null; ask("POST", "links", { ...guest, name: guest.name.trim() || t("share.guest") }).then((told) => { if (told) { guest.name = ""; draw(); } }); } },
      h("input.text", { id: "guest-name", "data-key": "guest-name", type: "text", maxLength: 80, value: guest.name, placeholder: t("share.guest_name"), "aria-label": t("share.guest_name"), oninput: (event) => { guest.name = event.target.value; } }),
      h("select", { id: "guest-role", "data-key": "guest-role", "aria-label": t("share.role"), onchange: (event) => { guest.role = event.target.value; } },
        ["viewer", "editor"].map((role) => h("option", { value: role, selected: guest.role === role }, t(`role.may.${role}`)))),
      h("select", { id: "guest-days", "data-key": "guest-days", "aria-label": t("share.days"), onchange: (event) => { guest.days = Number(event.target.value); } },
        [1, 7, 30].map((days) => h("option", { value: days, selected: guest.days === days }, t(days === 1 ? "share.day" : "share.some_days", { n: days })))),
      h("button.button", { id: "guest-make", type: "submit" }, L.icon("plus"), t("share.make")))];
  const here = () => [
    h("h3", {}, t("share.here")),
    h("ul.share-list", { id: "share-connected" }, state.connected.map((one, number) => h("li", { "data-key": `here-${number}` }, L.icon("person"),
      h("bdi", {}, one.role === "owner" ? t("role.is.owner") : one.name), one.role === "owner" ? null : h("span.chip", {}, t(`role.is.${one.role}`)),
      h("span.spring"), h("span.faint.figures", {}, new Date(one.since * 1000).toLocaleTimeString(L.language, { hour: "2-digit", minute: "2-digit" })))))];
  const ends = () => (state.has_password ? h("details.more-remarks", {}, h("summary", { "data-key": "share-more" }, t("share.more")),
    h("div.row", {}, h("button.button.small", { id: "new-password", onclick: () => ask("POST", "password") }, t("share.new_password")),
      h("span.hint", {}, t("share.new_password.help")))) : null);

  const draw = () => {
    if (!open) return;
    L.fill(open.content, state ? [wrong ? problem(wrong) : null, secret(), h("h3", {}, t("share.tunnel")), tunnel(), guests(), here(), ends()] :
      h("p.hint", { role: "status" }, t("share.looking")));
  };
  L.shareDialogue = () => {
    if (open) return;
    const content = h("div.share-body");
    [wrong, made, password] = [null, null, null];
    open = { content };
    open.dialog = L.dialogue(t("share.title"), content, () => {
      open = null;
      L.shared = state ? state.tunnel.state === "open" : L.shared;
      L.draw("bar");
    });
    open.dialog.id = "share-dialogue";
    draw();
    look();
  };

  // Somebody who is in already opened a guest's link: another guest becomes that one, the owner stays the owner.
  const token = new URLSearchParams(location.hash.slice(1)).get("guest");
  if (token) history.replaceState(null, "", location.pathname);
  fetch("access/me", { cache: "no-store" }).then((answer) => answer.json()).then(async (me) => {
    L.shared = me.shared;
    if (me.shared) L.draw("bar");
    if (!token || me.role === "owner") return;
    const entered = await fetch("access/enter", { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ token }) });
    if (entered.ok) location.reload();
  }).catch(() => null);

  // In the top bar: the way to the dialogue, or who one is here.
  L.shareButton = (view) => (view.visitor?.role === "owner" ?
    h("button.button.quiet", { id: "share", "data-key": "share", title: t("share.help"), "aria-haspopup": "dialog", onclick: L.shareDialogue },
      L.icon("share"), h("span.tool-words", {}, t("share")), L.shared ? h("span.dot.good", { title: t("share.is_open") }) : null) :
    h("span.pair", {}, h("span.chip", { id: "visitor", title: t(`role.may.${L.me().role}`) }, L.icon("person"), h("bdi", {}, L.me().name)),
      h("button.button.quiet.small", { id: "leave", "data-key": "leave", onclick: L.leave }, t("leave"))));
  L.leave = async () => {
    await fetch("access/leave", { method: "POST" }).catch(() => null);
    location.reload();
  };
})();
