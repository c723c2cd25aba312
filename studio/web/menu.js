// Pop-up menus and dialogues: one at a time, closed by Escape or a click outside, the focus goes back.
(() => {
  const L = window.Likeness;
  const { h } = L;
  let open = null;

  L.closeMenu = () => {
    if (!open) return;
    const { panel, anchor, key } = open;
    open = null;
    panel.remove();
    (anchor?.isConnected ? anchor : key && document.querySelector(`[data-key="${CSS.escape(key)}"]`))?.focus?.();
  };

  const place = (panel, anchor) => {
    const at = anchor.getBoundingClientRect();
    const { width, height } = panel.getBoundingClientRect();
    const left = Math.max(8, Math.min(at.left, window.innerWidth - width - 8));
    const below = at.bottom + 4;
    const top = below + height > window.innerHeight - 8 ? Math.max(8, at.top - height - 4) : below;
    panel.style.left = `${left}px`;
    panel.style.top = `${top}px`;
  };

  const arrows = (event, panel) => {
    if (event.key === "Tab") { event.preventDefault(); L.closeMenu(); return; }
    const items = [...panel.querySelectorAll("[role^=menuitem]:not([disabled])")];
    const now = items.indexOf(document.activeElement);
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const to = event.key === "Home" ? 0 : event.key === "End" ? items.length - 1 :
      step === undefined ? null : (now + step + items.length) % items.length;
    if (to === null || !items.length) return;
    event.preventDefault();
    items[to].focus();
  };

  // items: { label, detail, picture, icon, checked, disabled, group, act }
  L.menu = (anchor, label, items) => {
    const again = open?.anchor === anchor;
    L.closeMenu();
    if (again) return;
    const panel = h("div.menu", { role: "menu", "aria-label": label, id: "menu", onkeydown: (event) => arrows(event, panel) },
      items.map((item) => item.group ? h("div.menu-group", { role: "presentation" }, item.group) :
        h("button.menu-item", { role: item.checked === undefined ? "menuitem" : "menuitemradio", id: item.id,
          "aria-checked": item.checked === undefined ? null : String(Boolean(item.checked)), disabled: item.disabled,
          onclick: () => { L.closeMenu(); item.act(); } },
        item.picture ? h("img", { src: item.picture, alt: "" }) : item.icon ? L.icon(item.icon) : h("span.no-icon"),
        h("span.menu-words", {}, h("span", {}, item.label), item.detail ? h("small", {}, item.detail) : null),
        item.checked ? L.icon("check") : null)));
    document.body.append(panel);
    open = { panel, anchor, key: anchor.dataset?.key };
    place(panel, anchor);
    (panel.querySelector("[aria-checked=true]") || panel.querySelector("button:not([disabled])"))?.focus();
  };

  // A panel with whatever is in it, beside its button.
  L.popover = (anchor, label, content) => {
    const again = open?.anchor === anchor;
    L.closeMenu();
    if (again) return;
    const panel = h("div.menu.popover", { role: "dialog", "aria-label": label, id: "popover" }, content);
    document.body.append(panel);
    open = { panel, anchor, key: anchor.dataset?.key };
    place(panel, anchor);
    panel.querySelector("input, select, button")?.focus();
  };

  // A dialogue in the middle; the browser keeps the focus in it.
  L.dialogue = (title, content, onclose = () => {}) => {
    const dialog = h("dialog.dialogue", { "aria-label": title, id: "dialogue", onclose: () => { dialog.remove(); onclose(); } },
      h("header", {}, h("h2", {}, title), h("button.bare", { "aria-label": L.t("close"), title: L.t("close"),
        onclick: () => dialog.close() }, L.icon("close"))), content);
    document.body.append(dialog);
    dialog.showModal();
    return dialog;
  };

  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && open) { event.stopPropagation(); L.closeMenu(); }
  }, true);
  document.addEventListener("pointerdown", (event) => {
    if (open && !open.panel.contains(event.target) && !open.anchor.contains(event.target)) L.closeMenu();
  }, true);
})();
