// The page's small common ground: building elements, words in two languages, and the parts of the screen.
(() => {
  const L = (window.Likeness = { parts: {}, places: {}, views: {}, revs: {} });

  // ---- words -------------------------------------------------------------------------------------------------
  const stored = (key) => { try { return localStorage.getItem(key); } catch { return null; } };
  const store = (key, value) => { try { localStorage.setItem(key, value); } catch { /* private windows refuse */ } };
  L.stored = stored;
  L.store = store;
  const preferred = () => (navigator.languages || []).some((one) => /^zh\b/i.test(one)) &&
    !/^en\b/i.test(navigator.language) ? "zh-CN" : "en";
  L.language = window.LikenessWords[stored("likeness.language")] ? stored("likeness.language") : preferred();

  const fill = (text, values) => text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? values[name] : whole));
  L.has = (key) => key in window.LikenessWords[L.language] || key in window.LikenessWords.en;
  // Whether the page is shown on another machine than the studio's: "this machine" would be the wrong one there.
  const here = ["localhost", "127.0.0.1", "[::1]"].includes(location.hostname);
  L.isAway = () => !here || (L.views.bar?.visitor ?? { role: "owner" }).role !== "owner";
  const words = (key) => window.LikenessWords[L.language][key] ?? window.LikenessWords.en[key];
  // Words for a key; English where the language lacks it.
  L.t = (key, values = {}) => fill((L.isAway() ? words(`${key}.away`) : undefined) ?? words(key) ?? key, values);
  // Words that the program gives in English, in this language where it has them.
  L.or = (key, english, values = {}) =>
    (window.LikenessWords[L.language][key] === undefined ? english : L.t(key, values));
  // A whole sentence that the program gives in English, where no code goes with it.
  L.say = (english) => L.or(`say.${english}`, english);
  L.remark = (remark) => {
    const written = { share: (value) => Math.round(value * 100), at: (value) => L.clock(value, 2), rate: (value) => Number(value.toFixed(2)),
      seconds: (value) => Number(value.toFixed(2)) };
    const rounded = Object.fromEntries(Object.entries(remark.values).map(([name, value]) =>
      [name, typeof value === "number" ? (written[name] ?? Math.round)(value) : value]));
    return L.or(`remark.${remark.code}`, remark.words, rounded);
  };

  // ---- elements ----------------------------------------------------------------------------------------------
  // One listener a kind of event, which looks up what to do: so that `fill` can hand an old element new handlers.
  const listen = (element, type, handler) => {
    element.handlers = { ...element.handlers, [type]: handler };
    element.addEventListener(type, (event) => element.handlers[type]?.call(element, event));
  };

  // h("button.small", { title, onclick }, "text", child): text never becomes markup.
  L.h = (what, props = {}, ...children) => {
    const [tag, ...classes] = what.split(".");
    const element = document.createElement(tag || "div");
    if (classes.length) element.className = classes.join(" ");
    for (const [name, value] of Object.entries(props)) {
      if (value === null || value === undefined || value === false) continue;
      if (name.startsWith("on")) listen(element, name.slice(2), value);
      else if (name === "style") element.style.cssText = value;
      else if (name in element && !name.startsWith("aria") && name !== "list" && name !== "role") element[name] = value;
      else element.setAttribute(name, value === true ? "" : value);
    }
    element.append(...children.flat(3).filter((child) => child !== null && child !== undefined && child !== false));
    return element;
  };

  // ---- parts -------------------------------------------------------------------------------------------------
  // A part registers { draw(root, view, place) }; Gradio hands it its place, and a view whenever something changed.
  L.part = (name, part) => { L.parts[name] = part; };
  L.mount = (name, place) => {
    const root = place.element.querySelector(`.lk-${name}`);
    L.places[name] = { ...place, root };
    const look = () => {
      const view = place.props.value || {};
      if (view.rev !== undefined && view.rev < (L.revs[name] || 0)) return;
      L.revs[name] = view.rev || 0;
      L.views[name] = view;
      L.draw(name);
    };
    place.watch("value", look);
    look();
    L.parts[name].start?.(root, L.places[name]);
  };
  L.draw = (name) => {
    const place = L.places[name];
    if (!place || (L.views[name].rev === undefined && !["system", "models"].includes(name))) return;
    L.parts[name].draw(place.root, L.views[name], place);
  };
  L.redraw = () => Object.keys(L.places).forEach(L.draw);
  // Asks the studio to do something; see studio/actions.py for what there is.
  L.ask = (what) => {
    L.places.bar?.trigger("submit", what);
    L.pulse?.();
    [400, 1000].forEach((wait) => setTimeout(() => L.lookAtJobs?.(), wait)); // has the answer arrived? see jobs.js
  };

  L.setLanguage = (language) => {
    L.language = language;
    store("likeness.language", language);
    document.documentElement.lang = language;
    L.redraw();
  };
  L.theme = stored("likeness.theme") || "dark";
  L.setTheme = (theme) => {
    L.theme = theme;
    store("likeness.theme", theme);
    document.documentElement.dataset.theme = theme;
    L.redraw();
  };
  document.documentElement.dataset.theme = L.theme;
  document.documentElement.lang = L.language;

  // ---- small things that several parts use -----------------------------------------------------------------------
  L.notices = (list) => list.map((notice) => L.h("div.notice", { role: "alert", "data-code": notice.code },
    L.icon("warning"),
    L.h("div.notice-words", {},
      L.h("p", {}, L.or(`error.${notice.code}`, notice.words, { subject: notice.subject })),
      notice.remedy ? L.h("p.remedy", {}, L.or(`remedy.${notice.code}`, notice.remedy, { subject: notice.subject })) : null,
      L.h("code", {}, notice.code)),
    L.h("button.bare", { title: L.t("dismiss"), "aria-label": L.t("dismiss"),
      onclick: () => L.ask({ do: "dismiss", notice: notice.id }) }, L.icon("close"))));

})();
