// Right: a preset, the chain of effects that it stands for, and each effect's controls.
(() => {
  const L = window.Likeness;
  const { h, t } = L;
  const expert = new Set();
  const folded = new Set();
  let dragged = null;

  const titleOf = (effect) => L.or(`processor.${effect.processor ?? effect.name}.title`, effect.title);
  const helpOf = (effect) => L.or(`processor.${effect.processor ?? effect.name}.help`, effect.help);

  const presets = (view) => h("div.segments.wide", { role: "group", "aria-label": t("preset.label") },
    view.presets.map((preset) => h("button.segment", { id: `preset-${preset.name}`, "data-key": `preset-${preset.name}`,
      "aria-pressed": String(preset.name === view.preset), title: L.or(`preset.${preset.name}.help`, preset.help),
      onclick: () => L.ask({ do: "preset", name: preset.name }) }, L.or(`preset.${preset.name}.title`, preset.title))));

  const presetWords = (view) => {
    const preset = view.presets.find((one) => one.name === view.preset);
    return h("p.hint.preset-help", {}, preset ? L.or(`preset.${preset.name}.help`, preset.help) : t("preset.own"));
  };

  // Which models the preset runs on here, and what would make it better; or that it could run on them now.
  const stack = ({ stack: one, preset }) => {
    if (!one) return null;
    if (one.newer) return h("div.lacks", { id: "stack" }, h("p.hint", {}, t("stack.newer")),
      h("button.button.small", { "data-key": "stack-use", id: "stack-use", onclick: () => L.ask({ do: "preset", name: preset }) }, t("stack.use")));
    const better = one.lacks.length ? t("stack.better", { names: namesOf(one.lacks), size: sizeOf(one.lacks) }) : "";
    if (!one.networks && !better) return null;
    return h("div.lacks", { id: "stack" }, h("p.hint", {}, one.networks ? `${L.remark(one.remark)} ` : "", better),
      better ? h("button.button.small", { "data-key": "stack-get", id: "stack-get", onclick: () => L.getModels(one.lacks.map((lack) => lack.slot)) }, L.icon("save"), t("effect.get")) : null);
  };

  const more = (anchor, effect, place, count) => L.menu(anchor, t("effect.more", { title: titleOf(effect) }), [
    { id: "effect-up", icon: "up", label: t("effect.up"), disabled: place === 0,
      act: () => L.ask({ do: "move_effect", effect: effect.id, to: place - 1 }) },
    { id: "effect-down", icon: "down", label: t("effect.down"), disabled: place === count - 1,
      act: () => L.ask({ do: "move_effect", effect: effect.id, to: place + 1 }) },
    { id: "effect-duplicate", icon: "copy", label: t("effect.duplicate"), act: () => L.ask({ do: "duplicate_effect", effect: effect.id }) },
    { id: "effect-reset", icon: "reset", label: t("effect.reset"), act: () => L.ask({ do: "reset_effect", effect: effect.id }) },
    { id: "effect-remove", icon: "trash", label: t("effect.remove"), act: () => L.ask({ do: "remove_effect", effect: effect.id }) },
  ]);

  const drop = (list, y) => {
    const cards = [...list.querySelectorAll(".effect:not(.dragged)")];
    return cards.filter((card) => { const box = card.getBoundingClientRect(); return y > box.top + box.height / 2; }).length;
  };

  const handle = (effect) => h("span.grip", { draggable: true, title: t("effect.drag"), "aria-hidden": "true",
    ondragstart: (event) => {
      dragged = effect.id;
      event.dataTransfer.setData("text/plain", effect.id);
      event.dataTransfer.effectAllowed = "move";
      event.dataTransfer.setDragImage(event.target.closest(".effect"), 12, 12);
      event.target.closest(".effect").classList.add("dragged");
    },
    ondragend: () => { dragged = null; L.draw("chain"); } }, L.icon("grip"));

  const controls = (effect) => {
    const tune = effect.controls.filter((control) => control.depth === "tune");
    const deep = effect.controls.filter((control) => control.depth === "expert");
    const open = expert.has(effect.id);
    const behind = effect.backdrop ? L.backdrop(effect, L.views.chain.backdrop) : null;
    return [
      tune.map((control) => [L.control(effect, control), control.name === "behind" ? behind : null]),
      tune.some((control) => control.name === "behind") ? null : behind,
      deep.length ? h("button.bare.expert", { "data-key": `expert-${effect.id}`, "aria-expanded": String(open), onclick: () => {
        if (open) expert.delete(effect.id); else expert.add(effect.id);
        L.draw("chain");
      } }, L.icon(open ? "up" : "down"), t(open ? "expert.less" : "expert.more", { n: deep.length })) : null,
      open ? deep.map((control) => L.control(effect, control)) : null,
    ];
  };

  // What an effect lacks to run: the models, their size, their terms, and the way to them.
  const TERMS = { yes: "licence.commercial", no: "licence.no_commercial", unclear: "licence.unclear" };
  const sizeOf = (models) => {
    const known = models.filter((one) => one.bytes !== null);
    return known.length ? L.bytes(known.reduce((sum, one) => sum + one.bytes, 0)) : t("models.size.unknown");
  };
  // The content analyser's parts go together, and are one thing to people.
  const namesOf = (models) => [...new Set(models.map((one) => (one.slot.startsWith("analyser.") ? t("models.role.analyser") : L.say(one.title))))].join(", ");
  const lacks = ({ id, lacks: models }) => (models.length ? h("div.lacks", { "data-lacks": id },
    h("p.hint", {}, t("effect.lacks", { names: namesOf(models), size: sizeOf(models) }),
      " ", [...new Set(models.map((one) => `${L.say(one.licence)} (${t(TERMS[one.commercial])})`))].join("; ")),
    h("button.button.small", { "data-key": `get-${id}`, "data-get": id, onclick: () => L.getModels(models.map((one) => one.slot)) },
      L.icon("save"), t("effect.get"))) : null);

  const card = (effect, place, count) => {
    const shut = folded.has(effect.id) || !effect.on;
    const words = titleOf(effect);
    return h(`article.effect${effect.on ? "" : ".muted"}`, { "data-effect": effect.id, "data-key": `effect-${effect.id}`, "aria-label": words },
      h("header", {}, handle(effect),
        h("button.bare.title", { title: helpOf(effect), "data-key": `fold-${effect.id}`, "aria-expanded": String(!shut), onclick: () => {
          if (folded.has(effect.id)) folded.delete(effect.id); else folded.add(effect.id);
          L.draw("chain");
        } }, words),
        h("span.role", {}, t(`role.${effect.role}`)),
        h("button.bare", { "data-key": `mute-${effect.id}`, "aria-pressed": String(!effect.on), "data-mute": effect.id,
          title: t(effect.on ? "effect.mute" : "effect.unmute"), "aria-label": `${t("effect.mute")} ${words}`,
          onclick: () => L.ask({ do: "mute_effect", effect: effect.id, on: !effect.on }) }, L.icon(effect.on ? "eye" : "eyeoff")),
        h("button.bare", { "data-key": `more-${effect.id}`, "data-more": effect.id, "aria-haspopup": "menu",
          title: t("effect.more", { title: words }), "aria-label": t("effect.more", { title: words }),
          onclick: (event) => more(event.currentTarget, effect, place, count) }, L.icon("more"))),
      effect.on ? lacks(effect) : null,
      shut ? null : h("div.controls", {}, controls(effect)));
  };

  const add = (anchor, view) => {
    const roles = [...new Set(view.catalogue.map((one) => one.role))];
    L.menu(anchor, t("effect.add"), roles.flatMap((role) => [{ group: t(`role.${role}`) },
      ...view.catalogue.filter((one) => one.role === role).map((one) => ({ id: `add-${one.name}`, label: titleOf(one),
        detail: one.lacks.length ? `${helpOf(one)} ${t("effect.download_first")}` : helpOf(one), act: () => L.ask({ do: "add_effect", processor: one.name }) }))]));
  };

  // Those whom the picture shows, where an effect changes what they do or how old they are.
  const consent = ({ asks }) => (asks ? h("div.consent", { id: "consent-shown", role: "group", "aria-label": t("consent.title") },
    h("p", {}, t("consent.shown")),
    h("div.row", {}, h("button.button.primary.small", { "data-key": "consent-shown", "data-consent-shown": "", onclick: () => L.ask({ do: "consent" }) }, t("consent.yes")))) : null);

  // Which stretch of the clip the sliders are about.
  const segment = ({ segment: one }) => (one ? h("div.segment-banner", { role: "status", id: "segment-banner" },
    h("span", {}, t("segment.editing", { number: one.number, count: one.count, start: L.clock(one.start, 0), stop: L.clock(one.stop, 0) })),
    one.number > 1 ? h("button.bare", { id: "join", "data-key": "join", title: t("segment.join"), "aria-label": t("segment.join"),
      onclick: () => L.ask({ do: "join", segment: one.number - 1 }) }, L.icon("close")) : null) : null);

  L.part("chain", {
    draw(root, view) {
      root.setAttribute("role", "region");
      root.setAttribute("aria-label", t("chain.region"));
      L.fill(root, presets(view), presetWords(view), stack(view), consent(view), segment(view), L.notices(view.notices),
        h("div.effects", {
          ondragover: (event) => { if (dragged) event.preventDefault(); },
          ondrop: (event) => {
            if (!dragged) return;
            event.preventDefault();
            event.stopPropagation();
            L.ask({ do: "move_effect", effect: dragged, to: drop(event.currentTarget, event.clientY) });
          } },
        view.effects.map((effect, place) => card(effect, place, view.effects.length))),
        view.effects.length ? null : h("p.hint", {}, t("chain.empty")),
        h("button.add-effect", { id: "add-effect", "data-key": "add-effect", "aria-haspopup": "menu",
          onclick: (event) => add(event.currentTarget, view) }, L.icon("plus"), t("effect.add")));
    },
  });
})();
