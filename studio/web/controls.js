// Controls made from a processor's parameters: slider, switch, choice, colour, name. A slider tells when it is let go.
(() => {
  const L = window.Likeness;
  const { h, t } = L;

  L.toggle = ({ id, label, value, set, help }) => h("label.toggle", { title: help },
    h("span", {}, label),
    h("input", { type: "checkbox", role: "switch", id, "data-key": id, checked: value, onchange: (event) => set(event.target.checked) }),
    h("span.track", { "aria-hidden": "true" }));

  const digits = (step) => Math.max(0, Math.min(3, Math.ceil(-Math.log10(step || 0.01))));

  const slider = ({ id, label, help, control, set }) => {
    const places = digits(control.step);
    const share = (value) => `${((value - control.minimum) / (control.maximum - control.minimum)) * 100}%`;
    // Handlers go by the element that they run on: it may have been there before this view (see fill.js).
    const follow = (input) => {
      input.parentElement.querySelector(".figure").textContent = Number(input.value).toFixed(places);
      input.style.setProperty("--share", share(input.value));
    };
    const input = h("input", { type: "range", id, "data-key": id, min: control.minimum, max: control.maximum,
      step: control.step, value: control.value, "aria-label": label, title: help,
      oninput: (event) => follow(event.currentTarget),
      onchange: (event) => set(Number(event.currentTarget.value)),
      ondblclick: (event) => { if (Number(event.currentTarget.value) !== control.default) set(control.default); } });
    input.style.setProperty("--share", share(control.value));
    input.dataset.control = "slider";
    return h("div.control.slider", {}, h("label", { htmlFor: id, title: help }, label),
      h("span.figure", { "aria-hidden": "true" }, Number(control.value).toFixed(places)), input);
  };

  const choice = ({ id, label, help, control, set, wordFor }) => h("div.control.choice", { role: "group", "aria-label": label },
    h("span.label", { title: help }, label),
    control.choices.length <= 3 ?
      h("span.segments", {}, control.choices.map((one) => h("button.segment", { id: `${id}-${one}`, "data-key": `${id}-${one}`,
        "aria-pressed": String(one === control.value), onclick: () => set(one) }, wordFor(one)))) :
      h("select", { id, "data-key": id, "aria-label": label, onchange: (event) => set(event.target.value) },
        control.choices.map((one) => h("option", { value: one, selected: one === control.value }, wordFor(one)))));

  const colour = ({ id, label, help, control, set }) => h("label.control.colour", { title: help }, h("span", {}, label),
    h("code", {}, control.value),
    h("input", { type: "color", id, "data-key": id, value: control.value, onchange: (event) => set(event.target.value) }));

  // One of the files that are here; where none is, the way to them.
  const own = ({ id, label, help, control, set }) => {
    const { names, value } = control;
    const models = h("button.button.small", { "data-key": `${id}-models`, id: `${id}-models`, onclick: () => { location.hash = "models"; } }, L.icon("folder"), t("own.models"));
    if (!names.length && !value) return h("div.lacks", { "data-key": `${id}-none` }, h("p.hint", {}, t("own.none")), models);
    const options = [["", t("own.choose")], ...(value && !names.includes(value) ? [[value, t("own.gone", { name: value })]] : []), ...names.map((one) => [one, one])];
    return h("div.own", {}, h("label.control.name", { title: help }, h("span", {}, label),
      h("select", { id, "data-key": id, onchange: (event) => set(event.target.value) },
        options.map(([one, words]) => h("option", { value: one, selected: one === value, disabled: !one && Boolean(value) }, words)))),
    names.length ? null : h("div.lacks", { "data-key": `${id}-none` }, h("p.hint", {}, t("own.none")), models));
  };

  const name = ({ id, label, help, control, set }) => h("label.control.name", { title: help }, h("span", {}, label),
    h("input", { type: "text", id, "data-key": id, value: control.value, maxLength: 200, onchange: (event) => set(event.target.value) }));

  // processor: its name, for the words; control: as studio/views.py gives it.
  L.control = (effect, control) => {
    const key = `processor.${effect.processor}.${control.name}`;
    const set = (value) => L.ask({ do: "set", effect: effect.id, name: control.name, value });
    const common = { id: `${effect.id}-${control.name}`.replace(/\./g, "_"), control, set,
      label: L.or(`${key}.title`, control.title), help: L.or(`${key}.help`, control.help),
      wordFor: (one) => L.or(`${key}.${one}`, one.replace(/_/g, " ")) };
    if (control.control === "slider") return slider(common);
    if (control.control === "choice") return choice(common);
    if (control.control === "colour") return colour(common);
    if (control.control === "name") return control.names ? own(common) : name(common);
    return h("div.control.switch", {}, L.toggle({ id: common.id, label: common.label, value: control.value, help: common.help, set }));
  };
})();
