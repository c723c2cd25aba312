// Who is who in a clip: names, two who are one, and faces that were taken for somebody else.
(() => {
  const L = window.Likeness;
  const { h, t } = L;

  L.personName = (person) => person.name || t("person", { number: person.number });
  const people = () => L.views.people?.people ?? [];
  const known = (number) => people().find((one) => one.number === number);

  // Minutes and seconds that somebody is to be seen: 0:12.
  L.screenTime = (seconds) => {
    const whole = seconds > 0 ? Math.max(1, Math.round(seconds)) : 0;
    const two = (number) => String(number).padStart(2, "0");
    return whole < 3600 ? `${Math.floor(whole / 60)}:${two(whole % 60)}` :
      `${Math.floor(whole / 3600)}:${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)}`;
  };

  // Chosen in a lane: shown in the list and on the picture.
  L.selectPerson = (number) => {
    L.selectedPerson = number || null;
    L.draw("people");
    document.querySelector(`[data-person="${number}"]`)?.scrollIntoView({ block: "nearest" });
    L.pointAt?.(number);
  };

  const others = (number, act) => people().filter((one) => one.number !== number).map((one) => ({
    id: `who-${one.number}`, label: L.personName(one), picture: one.portrait, icon: "person", act: () => act(one.number) }));

  const rename = (anchor, person) => {
    const save = (input) => { L.closeMenu(); L.ask({ do: "name_person", person: person.number, name: input.value }); };
    L.popover(anchor, t("who.name"), h("label.field.column", {}, h("span", {}, t("who.name")),
      h("input.text.plain", { id: "who-input", value: person.name ?? "", maxLength: 80, spellcheck: false, placeholder: t("person", { number: person.number }),
        // Or the key would press the button that has the focus afterwards, too.
        onkeydown: (event) => { if (event.key === "Enter") { event.preventDefault(); save(event.target); } } })));
    document.getElementById("who-input")?.select();
  };

  // place: where the face is, in shares of the frame, or only the frame of somebody's lane.
  const say = (number, place, to, everywhere = false) => L.ask({ do: "say_who", person: number, ...place, to, everywhere });
  const someoneElse = (anchor, number, place) => L.menu(anchor, t("who.is"), [
    { group: t("who.is") },
    ...others(number, (to) => say(number, place, to)),
    { id: "who-new", label: t("who.new"), icon: "plus", detail: t("who.new.help"), act: () => say(number, place, null) },
    { id: "who-new-all", label: t("who.new_all"), icon: "plus", detail: t("who.new_all.help"), act: () => say(number, place, null, true) },
  ]);

  const here = (anchor, number, place) => (place && L.views.clip?.survey ? [
    { group: t("who.here", { time: L.clock(L.timeOf(L.views.clip.clip, place.frame), 1) }) },
    number ? { id: "who-not", label: t("who.not", { who: L.personName(known(number)) }), icon: "close", detail: t("who.not.help"), act: () => say(number, place, 0) } : null,
    { id: "who-else", label: t(number ? "who.else" : "who.is"), icon: "person", act: () => someoneElse(anchor, number, place) },
  ].filter(Boolean) : []);

  const show = (frame) => L.player.seek(frame);
  const ways = (number) => {
    const [before, after] = L.appearances?.(number) ?? [null, null];
    return before === null && after === null ? [] : [{ group: t("who.show") },
      { id: "who-before", label: t("who.before"), icon: "back", disabled: before === null, act: () => show(before) },
      { id: "who-after", label: t("who.after"), icon: "ahead", disabled: after === null, act: () => show(after) }];
  };

  // number: 0 for a face that is nobody's.
  L.who = (anchor, number, place = null) => {
    const person = known(number);
    if (number && !person) return;
    const there = place ?? (L.isIn?.(number, L.player.state.frame) ? { frame: L.player.state.frame } : null);
    L.menu(anchor, t("who.open"), [
      ...(person ? [
        { group: L.personName(person) },
        { id: "who-name", label: t(person.name ? "who.rename" : "who.give"), icon: "recipe", act: () => rename(anchor, person) },
        people().length > 1 ? { id: "who-same", label: t("who.same"), icon: "copy", detail: t("who.same.help"), act: () => L.menu(anchor, t("who.same"), [
          { group: t("who.same_of", { who: L.personName(person) }) },
          ...others(number, (into) => L.ask({ do: "merge_people", person: number, into }))]) } : null,
        ...person.merged.map((one) => ({ id: `who-apart-${one.number}`, label: t("who.apart", { who: L.personName(one) }), picture: one.portrait, icon: "split",
          act: () => L.ask({ do: "separate_people", person: one.number }) })),
      ].filter(Boolean) : []),
      ...here(anchor, number, there),
      ...(person ? ways(number) : []),
    ]);
  };

  // The way to it from what may happen to somebody.
  L.whoItem = (anchor, number, place) => (L.views.people?.screen !== "clip" || (!number && !(place && L.views.clip?.survey)) ? [] : [
    { group: t("who.group") },
    { id: "choose-who", label: t(number ? "who.open" : "who.is"), icon: "person", detail: number ? t("who.open.help") : null,
      act: () => (number ? L.who(anchor, number, place) : someoneElse(anchor, 0, place)) }]);
})();
