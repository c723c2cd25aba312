// In the timeline: a lane a person, with where they are to be seen; cuts; and what is not known yet.
(() => {
  const L = window.Likeness;
  const { h, t } = L;
  const APART = 2; // pixels between two spans that are drawn apart
  const CUTS_APART = 5; // and between two marks of cuts
  const CUTS_ROOM = 12; // that a mark needs at the least on average: more of them say nothing

  // at: see timeline.js: percent of a frame, the frame under a pointer.
  L.makeLanes = (player, at) => {
    const layer = h("div.lanes-layer");
    const rows = h("div.lanes-rows");
    const scroll = h("div.lanes", { id: "lanes" }, layer, rows);
    const foot = h("div.survey", { id: "survey" });
    const root = h("div.lanes-box", {}, scroll, foot);
    const label = h("span.label-lanes");
    let view = null;
    let data = null;
    let key = null;
    let wanted = null;

    // Where everybody is comes by itself, once for each time that it changes: a view of the screen stays small.
    const load = async ({ clip, lanes }) => {
      if (key !== clip.key) [key, data, wanted] = [clip.key, null, null];
      if (!lanes || lanes.rev === wanted) { if (!lanes) [data, wanted] = [null, null]; return; }
      const mine = wanted = lanes.rev;
      const answer = await fetch(lanes.url, { cache: "no-store" }).catch(() => null);
      const read = answer?.ok ? await answer.json().catch(() => null) : null;
      if (key !== clip.key || wanted !== mine) return; // a newer one is on its way
      if (!read) { wanted = null; return; } // asked again with the next view
      data = read;
      L.draw("clip");
    };
    const runsOf = (number) => data?.lanes.find((one) => one.number === number)?.runs ?? [];
    L.isIn = (number, frame) => runsOf(number).some(([first, last]) => first <= frame && frame <= last);
    // Frames at which somebody appears, the last before the playhead and the next behind it.
    L.appearances = (number) => {
      const { frame } = player.state;
      const firsts = runsOf(number).map(([first]) => first);
      return [firsts.filter((first) => first < frame).at(-1) ?? null, firsts.find((first) => first > frame) ?? null];
    };

    // Spans as pixels see them: what would touch is one.
    const drawn = (runs) => {
      const width = scroll.clientWidth || 1;
      const found = [];
      for (const [first, last] of runs) {
        const [low, high] = [at.share(first), at.share(last + 1)];
        const before = found.at(-1);
        if (before && (low - before.high) * width < APART) Object.assign(before, { high, last });
        else found.push({ low, high, first, last });
      }
      return found;
    };
    const place = ({ low, high }) => `left:${(low * 100).toFixed(3)}%;width:${((high - low) * 100).toFixed(3)}%`;
    const times = ({ first, last }) => `${L.clock(L.timeOf(view.clip, first), 1)} – ${L.clock(L.timeOf(view.clip, last + 1), 1)}`;

    const HUES = [215, 170, 268, 35, 320, 130, 195, 60]; // degrees; none is the red of what is wrong
    const hue = (number) => HUES[(number - 1 + HUES.length) % HUES.length];
    const go = (event, number) => { L.closeSpan(); player.seek(at.frameAtX(event.clientX)); if (number !== null) L.selectPerson(number); };

    const lane = (number, name, portrait) => {
      const spans = drawn(runsOf(number)).map((span) => h("span.lane-span", { style: place(span), title: `${name} · ${times(span)}`,
        onclick: (event) => { event.stopPropagation(); go(event, number); },
        oncontextmenu: (event) => {
          if (!L.mayEdit()) return;
          event.preventDefault();
          const frame = Math.max(span.first, Math.min(span.last, at.frameAtX(event.clientX)));
          go(event, number);
          const row = event.currentTarget.getBoundingClientRect();
          const there = { getBoundingClientRect: () => new DOMRect(event.clientX, row.top, 0, row.height), contains: () => false };
          L.who(there, number, { frame });
        } }));
      return h(`div.lane-row${number === L.selectedPerson && number ? ".selected" : ""}`, { "data-key": `lane-${number}`, "data-lane": number, style: `--hue:${hue(number)}` },
        h("button.lane-label", { "data-key": `lane-label-${number}`, id: `lane-label-${number}`, "aria-haspopup": "menu", title: name, "aria-label": name,
          disabled: !L.mayEdit(), onclick: (event) => L.choose(event.currentTarget, number) },
        portrait ? h("img", { src: portrait, alt: "" }) : h("span.lane-face", {}, L.icon("person")), h("span.lane-name", {}, name)),
        h(`div.lane-track.person-lane${number ? "" : ".nobody"}`, { onclick: (event) => go(event, null) }, spans));
    };

    const marks = () => {
      const width = scroll.clientWidth || 1;
      let last = -1;
      const cuts = (data?.cuts ?? []).filter((cut) => {
        const x = at.share(cut) * width;
        if (last >= 0 && x - last < CUTS_APART) return false;
        last = x;
        return true;
      });
      if (cuts.length * CUTS_ROOM > width) cuts.length = 0;
      const unknown = data ? data.unknown : [[0, view.clip.frames - 1]];
      return [unknown.map(([first, end]) => h("i.unknown", { style: place({ low: at.share(first), high: at.share(end + 1) }) })),
        cuts.map((cut) => h("i.cut", { style: `left:${at.percent(cut)}` }))];
    };

    const progress = () => {
      const { state, share } = view.survey;
      if (state === "whole") return null;
      const percent = Math.floor(share * 100);
      const set = (on) => L.ask({ do: "survey", on });
      return [h("span", { role: "status", title: t("survey.help") }, t(`survey.${state}`, { percent })),
        !L.mayEdit() ? null : state === "working" ? h("button.bare", { id: "survey-stop", "data-key": "survey-stop", title: t("survey.stop"), "aria-label": t("survey.stop"), onclick: () => set(false) }, L.icon("close")) :
          h("button.link", { id: "survey-go-on", "data-key": "survey-go-on", onclick: () => set(true) }, t(state === "failed" ? "survey.again" : "survey.go_on"))];
    };

    const draw = (now) => {
      view = now;
      const people = L.views.people?.screen === "clip" ? L.views.people.people : [];
      const there = Boolean(view.survey) && people.length > 0;
      root.hidden = label.hidden = !there;
      load(view);
      if (!there) return;
      const nobody = runsOf(0).length > 0;
      const count = people.length + (nobody ? 1 : 0);
      for (const element of [root, label]) {
        element.style.setProperty("--rows", String(count));
        element.classList.toggle("surveyed", view.survey.state === "whole");
      }
      L.fill(layer, marks());
      L.fill(rows, people.map((person) => lane(person.number, L.personName(person), person.portrait)), nobody ? lane(0, t("people.others"), null) : null);
      foot.hidden = view.survey.state === "whole";
      L.fill(foot, progress());
    };
    L.drawLanes = () => { if (view?.clip && L.views.clip?.clip) draw(L.views.clip); };
    return { root, label, draw };
  };
})();
