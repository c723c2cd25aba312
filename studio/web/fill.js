// Brings what is on the page to what it should be by changing what differs. Elements stay: a button that is being
// pressed, a slider that is held and the focus survive a new view.
(() => {
  const L = window.Likeness;
  const keyOf = (node) => node.dataset?.key ?? null;

  const attributes = (old, fresh) => {
    for (const { name } of [...old.attributes]) {
      if (!fresh.hasAttribute(name) && !(old.tagName === "DETAILS" && name === "open")) old.removeAttribute(name);
    }
    for (const { name, value } of fresh.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  };

  const handlers = (old, fresh) => {
    const wanted = fresh.handlers ?? {};
    const known = old.handlers ?? {};
    for (const type of Object.keys(wanted)) {
      if (!(type in known)) old.addEventListener(type, (event) => old.handlers[type]?.call(old, event));
    }
    old.handlers = { ...Object.fromEntries(Object.keys(known).map((type) => [type, undefined])), ...wanted };
  };

  // What a person is changing at this moment is theirs.
  const held = (element) => (element.type === "range" ? element.matches(":active") :
    element.matches("input:not([type=checkbox])") && element === document.activeElement);
  const values = (old, fresh) => {
    if (!["INPUT", "SELECT"].includes(old.tagName)) return;
    if (old.checked !== fresh.checked) old.checked = fresh.checked;
    if (!held(old) && old.value !== fresh.value) old.value = fresh.value;
  };

  const patch = (old, fresh) => {
    if (old.nodeType === Node.TEXT_NODE) { if (old.data !== fresh.data) old.data = fresh.data; return; }
    if (held(old)) { handlers(old, fresh); return; }
    attributes(old, fresh);
    handlers(old, fresh);
    children(old, [...fresh.childNodes]);
    values(old, fresh);
  };

  const children = (parent, wanted) => {
    const keyed = new Map([...parent.childNodes].filter(keyOf).map((node) => [keyOf(node), node]));
    let next = parent.firstChild;
    for (const fresh of wanted) {
      const key = keyOf(fresh);
      while (next && keyOf(next) && keyOf(next) !== key && !wanted.some((one) => keyOf(one) === keyOf(next))) {
        const gone = next;
        next = next.nextSibling;
        gone.remove();
      }
      const same = key ? keyed.get(key) : next && !keyOf(next) && next.nodeName === fresh.nodeName ? next : null;
      if (same && same.parentNode === parent && same.nodeName === fresh.nodeName) {
        if (same === next) next = next.nextSibling; else parent.insertBefore(same, next);
        patch(same, fresh);
      } else {
        parent.insertBefore(fresh, next);
      }
    }
    while (next) {
      const gone = next;
      next = next.nextSibling;
      gone.remove();
    }
  };

  L.fill = (element, ...content) => {
    const focused = element.contains(document.activeElement) ? keyOf(document.activeElement) : null;
    const wanted = content.flat(4).filter((child) => child !== null && child !== undefined && child !== false)
      .map((child) => (child instanceof Node ? child : document.createTextNode(String(child))));
    children(element, wanted);
    if (focused && document.activeElement === document.body) {
      element.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
    }
  };
})();
