// In an effect's card: the picture or clip that lies behind people.
(() => {
  const L = window.Likeness;
  const { h, t } = L;
  const WHAT = "choose_backdrop";

  const ways = (anchor) => L.menu(anchor, t("backdrop.choose"), [
    { id: "backdrop-file", icon: "upload", label: t("backdrop.file"), act: () => L.pick(WHAT) },
    ...(L.isOwner() ? [{ id: "backdrop-path", icon: "folder", label: t("way.path"), act: () => L.askPath(WHAT) }] : []),
  ]);

  // chosen: { name, url, here }, or null. One for all effects of the recipe.
  L.backdrop = (effect, chosen) => {
    const key = `backdrop-${effect.id}`;
    const open = (event) => ways(event.currentTarget);
    if (!chosen) {
      return h("div.backdrop-place", { "data-backdrop": "", "data-key": `${key}-none` },
        h("button.add-effect", { id: key, "data-key": key, "aria-haspopup": "menu", disabled: !L.mayEdit(), onclick: open },
          L.icon("plus"), t("backdrop.choose")));
    }
    return h("div.backdrop-place.chosen-backdrop", { "data-backdrop": "", "data-key": `${key}-some`, role: "group", "aria-label": t("backdrop.label") },
      h("button.bare.backdrop-card", { id: key, "data-key": key, "aria-haspopup": "menu", disabled: !L.mayEdit(), title: t("backdrop.change", { name: chosen.name }), "aria-label": t("backdrop.change", { name: chosen.name }), onclick: open },
        chosen.url ? h("img", { src: chosen.url, alt: "" }) : h("span.no-picture", {}, L.icon("film")),
        h("span.backdrop-name", {}, chosen.name, chosen.here ? null : h("small.problem", {}, t("backdrop.gone")))),
      h("button.bare", { id: `${key}-remove`, "data-key": `${key}-remove`, disabled: !L.mayEdit(), title: t("backdrop.remove"), "aria-label": t("backdrop.remove"),
        onclick: () => L.ask({ do: "remove_backdrop" }) }, L.icon("trash")));
  };
})();
