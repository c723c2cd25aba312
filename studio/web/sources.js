// Left, below: the identities that the user brings, their photos, and the statement that their use is permitted.
(() => {
  const L = window.Likeness;
  const { h, t } = L;

  L.photoCount = (source) => t(source.photos.length === 1 ? "photo.one" : "photos", { n: source.photos.length });

  const pickFace = (anchor, source, photo) => L.menu(anchor, t("face.which", { name: photo.name }), [
    ...(photo.faces.length > 1 ? [{ group: t("face.pick") }, ...photo.faces.map((face) => ({
      label: t("face.number", { number: face.number }), picture: face.url, checked: face.number === photo.face,
      act: () => L.ask({ do: "pick_face", source: source.name, photo: photo.id, face: face.number }),
    }))] : []),
    { group: photo.name },
    { id: "photo-remove", icon: "trash", label: t("photo.remove"),
      act: () => L.ask({ do: "remove_photo", source: source.name, photo: photo.id }) },
  ]);

  const photos = (source) => h("div.photos", {},
    source.photos.map((photo) => h("button.photo", { "data-key": `photo-${source.name}-${photo.id}`, title: photo.name,
      "aria-label": t("photo.of", { name: photo.name, source: source.name }), "aria-haspopup": "menu",
      onclick: (event) => pickFace(event.currentTarget, source, photo) },
    photo.url ? h("img", { src: photo.url, alt: "" }) : h("span.skeleton"),
    photo.shots > 1 ? h("b.number", { title: t("photo.from_clip") }, L.icon("film")) : null,
    photo.faces.length > 1 ? h("b.number", {}, t("face.of", { number: photo.face ?? "?", count: photo.faces.length })) : null)),
    h("button.photo.add", { "data-key": `add-${source.name}`, title: t("photo.add", { name: source.name }),
      "aria-label": t("photo.add", { name: source.name }), "aria-haspopup": "menu",
      onclick: (event) => L.waysIn(event.currentTarget, { to: source.name }, t("photo.add", { name: source.name })) },
    L.icon("plus")));

  const consent = (source) => {
    if (source.consent) return h("span.permitted", { title: source.consent }, t("consent.given"));
    return h("div.consent", { role: "group", "aria-label": t("consent.title") },
      h("p", {}, t("consent.question", { name: source.name })),
      h("div.row", {},
        h("button.button.primary.small", { "data-key": `consent-${source.name}`, "data-consent": source.name,
          onclick: () => L.ask({ do: "consent", source: source.name }) }, t("consent.yes")),
        h("button.button.small", { onclick: () => L.ask({ do: "remove_source", source: source.name }) }, t("consent.no"))));
  };

  const card = (source) => h("div.source", { "data-source": source.name, "data-key": `source-${source.name}` },
    h("div.source-head", {},
      h("input.name", { value: source.name, "data-key": `name-${source.name}`, "aria-label": t("source.name"), maxLength: 80,
        spellcheck: false, onchange: (event) => L.ask({ do: "rename_source", source: source.name, name: event.target.value }),
        onkeydown: (event) => { if (event.key === "Enter") event.target.blur(); } }),
      h("button.bare", { title: t("source.remove", { name: source.name }), "data-key": `remove-${source.name}`,
        "aria-label": t("source.remove", { name: source.name }),
        onclick: () => L.ask({ do: "remove_source", source: source.name }) }, L.icon("trash"))),
    photos(source),
    h("p.source-foot", {}, h("span", {}, L.photoCount(source)),
      source.consent ? h("span", { "aria-hidden": "true" }, "·") : null, source.consent ? consent(source) : null),
    source.consent ? null : consent(source),
    source.remarks.map((remark) => h("p.remark.calm", { "data-code": remark.code }, L.remark(remark))));

  L.sources = (view) => [
    view.sources.map(card),
    h(`button.add-source${view.sources.length ? ".more" : ""}`, { id: "add-source", "data-key": "add-source",
      "aria-haspopup": "menu",
      onclick: (event) => L.waysIn(event.currentTarget, { to: null }, t("source.add")) },
    L.icon("plus"), h("span", {}, t("source.add")), view.sources.length ? null : h("small", {}, t("source.add.help"))),
  ];
})();
