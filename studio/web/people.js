// Left: who is in the picture, and what happens to each. Never by order: every person is asked for by number.
(() => {
  const L = window.Likeness;
  const { h, t } = L;

  L.styleName = (style) => t(`style.${style}`);
  L.choiceName = (choice) => ({
    keep: () => t("choice.keep"), effects: () => t("choice.effects"), source: () => choice.source,
    anonymise: () => L.styleName(choice.style),
  })[choice.use]();

  const same = (one, other) => one.use === other.use && one.source === other.source && one.style === other.style;

  // What may happen to one person; used from the list on the left and from the number on the picture.
  // place: of the face on a clip's frame that was pointed at.
  L.choose = (anchor, number, place = null) => {
    const view = L.views.people;
    // 0: everybody who is not in the list.
    const person = number ? view.people.find((one) => one.number === number) : view.others && { choice: view.others };
    if (!person) return;
    const item = (choice, rest) => ({ checked: same(choice, person.choice),
      act: () => L.ask(number ? { do: "choose", person: number, choice } : { do: "choose_others", choice }), ...rest });
    L.menu(anchor, number ? t("choose.for", { who: L.personName(person) }) : t("choose.for_others"), [
      { group: t("choose.source", { who: number ? L.personName(person) : t("people.others") }) },
      ...view.sources.map((source) => item({ use: "source", source: source.name }, { label: source.name,
        picture: source.photos[0]?.url, icon: "person", disabled: !source.consent || !source.ready,
        detail: source.consent ? L.photoCount(source) : t("consent.first") })),
      { id: "choose-new", label: t("source.add"), icon: "plus", act: () => L.pick({ to: null }) },
      { group: t("choose.hide") },
      ...["blur", "pixelate", "solid"].map((style) => item({ use: "anonymise", style }, { id: `choose-${style}`,
        label: L.styleName(style), icon: "eyeoff" })),
      { group: t("choose.stay") },
      item({ use: "keep" }, { id: "choose-keep", label: t("choice.keep"), icon: "person", detail: t("choice.keep.help") }),
      item({ use: "effects" }, { id: "choose-effects", label: t("choice.effects"), icon: "sliders",
        detail: t("choice.effects.help") }),
      ...L.whoItem(anchor, number, place),
    ]);
  };

  // Of who is kept nothing can go wrong; a sign is enough of what would, so that a list of many stays short.
  const kept = (person) => person.choice.use === "keep";

  const becomes = (view, person) => {
    const { choice } = person;
    if (kept(person) && person.remarks.length) {
      const words = person.remarks.map(L.remark).join(" ");
      return h("span.becomes.doubt", { title: words, role: "img", "aria-label": words }, L.icon("warning"));
    }
    if (choice.use === "source") {
      const url = view.sources.find((source) => source.name === choice.source)?.photos[0]?.url;
      return h("span.becomes", {}, L.icon("arrow"), url ? h("img", { src: url, alt: "" }) : null);
    }
    return choice.use === "anonymise" ? h("span.becomes.hidden-face", {}, L.icon("eyeoff")) : null;
  };

  // Two at once are read; a list of five is not.
  const SHOWN = 2;
  const warning = (remark) => h("p.remark", { "data-code": remark.code }, L.icon("warning"), L.remark(remark));
  const warnings = ({ remarks, number }) => [
    remarks.slice(0, SHOWN).map(warning),
    remarks.length > SHOWN ? h("details.more-remarks", {},
      h("summary", { "data-key": `remarks-${number}` }, t("remarks.more", { n: remarks.length - SHOWN })), remarks.slice(SHOWN).map(warning)) : null,
  ];

  // How long somebody is to be seen; before that is known, how often a quick look saw them.
  const seen = (person) => {
    if (typeof person.seconds !== "number" || (person.so_far && !person.seconds)) return person.frames ? h("span.seen", {}, t("person.seen", { n: person.frames })) : null;
    const time = L.screenTime(person.seconds);
    return h("span.seen", { title: t("person.time.help") }, person.so_far ? t("person.so_far", { time }) : time);
  };

  const row = (view, person) => h(`div.person.use-${person.choice.use}${L.selectedPerson === person.number && view.screen === "clip" ? ".selected" : ""}`, { "data-person": person.number, "data-key": `row-${person.number}` },
    h("button.person-card", { id: `person-${person.number}`, "data-key": `person-${person.number}`, "aria-haspopup": "menu",
      onclick: (event) => L.choose(event.currentTarget, person.number),
      onmouseenter: () => L.pointAt?.(person.number), onmouseleave: () => L.pointAt?.(null) },
    h(`span.portrait.style-${person.choice.style ?? "none"}`, {},
      person.portrait ? h("img", { src: person.portrait, alt: "" }) : null, h("b.number", {}, String(person.number))),
    h("span.person-words", {}, h("span.name", {}, L.personName(person)),
      h("span.what", {}, L.choiceName(person.choice)),
      seen(person)),
    becomes(view, person)),
    person.seen === undefined || person.seen === null ? null : h("button.bare.go-to", { "data-key": `go-to-${person.number}`, title: t("person.go_to"),
      "aria-label": t("person.go_to_of", { number: person.number }), onclick: () => L.player?.seek(person.seen) }, L.icon("film")),
    kept(person) ? null : warnings(person));

  const others = (view) => h(`div.person.others.use-${view.others.use}`, { "data-key": "row-others" },
    h("button.person-card", { id: "person-others", "data-key": "person-others", "aria-haspopup": "menu", onclick: (event) => L.choose(event.currentTarget, 0) },
      h("span.portrait.crowd", {}, L.icon("person")),
      h("span.person-words", {}, h("span.name", {}, t("people.others")), h("span.what", {}, L.choiceName(view.others))),
      becomes(view, { choice: view.others, remarks: [] })));

  const looking = (view) => {
    const set = (change) => L.ask({ do: "look", ...view.looking, ...change });
    return h("details.looking", { open: L.lookingOpen, ontoggle: (event) => { L.lookingOpen = event.target.open; } },
      h("summary", { id: "looking-summary", "data-key": "looking" }, t("look.title")),
      L.toggle({ id: "look-small", label: t("look.small"), value: view.looking.small, set: (small) => set({ small }) }),
      L.toggle({ id: "look-turned", label: t("look.turned"), value: view.looking.turned, set: (turned) => set({ turned }) }));
  };

  const inPicture = (view) => {
    const clip = view.screen === "clip";
    if (!view.open) return h("p.hint", {}, t(clip ? "people.none_open_clip" : "people.none_open"));
    if (view.halted) return h("p.hint", {}, t("state.halted"));
    if (!view.looked) return [h("div.skeleton", { "aria-label": t("stage.finding") }), clip ? h("p.hint.looking-words", { role: "status" }, t("stage.looking")) : null];
    if (!view.people.length) return [h("p.remark", {}, L.icon("warning"), h("span", {}, t(clip ? "people.none_clip" : "people.none"))), view.others ? others(view) : null];
    return [view.people.length > 1 && view.people.every((one) => one.choice.use === "keep") ?
      h("p.hint", {}, t("people.pick")) : null, view.people.map((person) => row(view, person)), view.others ? others(view) : null];
  };

  L.part("people", {
    draw(root, view) {
      root.setAttribute("role", "region");
      root.setAttribute("aria-label", t("people.region"));
      L.fill(root, h("section.who", { "data-key": "who", tabIndex: -1 },
        h("h2", {}, t(view.screen === "clip" ? "people.title_clip" : "people.title"), view.people.length ? h("span.count", {}, String(view.people.length)) : null),
        view.remarks.map((remark) => h("p.remark.calm", {}, L.remark(remark))),
        inPicture(view),
        view.looked ? looking(view) : null,
        view.screen === "clip" ? L.questions() : null),
      h("section.sources", { "data-key": "sources", tabIndex: -1 },
        h("h2", {}, t("sources.title"), view.sources.length ? h("span.count", {}, String(view.sources.length)) : null),
        L.notices(view.notices),
        L.sources(view)));
      // A question that has just been asked must not wait below the fold.
      const asked = root.querySelector(".consent");
      if (asked && L.asked !== view.sources.length) asked.scrollIntoView({ block: "nearest" });
      L.asked = asked ? view.sources.length : 0;
      L.drawLanes?.();
    },
  });
})();
