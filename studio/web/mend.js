// The last word on frames: what is done with a finding's span, or with the frame at the playhead; points moved by hand,
// masks painted; and the render that makes it so.
(() => {
  const L = window.Likeness;
  const { h, t } = L;
  const KINDS = ["neighbours", "hold", "original", "strength", "points", "mask"];
  // What helps best against each: first what is offered first.
  const BEST = { "FINDING.MISSED": ["neighbours", "original"], "FINDING.MISTAKEN": ["neighbours"], "FINDING.JUMP": ["neighbours", "points"],
    "FINDING.COVERED": ["mask", "original", "neighbours"], "FINDING.SEAM": ["mask", "strength"], "FINDING.MASK": ["hold", "mask"], "FINDING.IDENTITY": ["hold"],
    "FINDING.EXPOSURE": ["hold"], "FINDING.FLICKER": ["hold", "neighbours"], "FINDING.POSE": ["strength", "original"] };
  // Where no face is found there is none to be painted on.
  const ONLY = { "FINDING.MISSED": ["neighbours", "original"], "FINDING.LOST": ["original"] };
  const span = { first: 0, last: 0, person: null, strength: 0.5, of: null };
  let awaited = null;

  const view = () => L.views.clip;
  const fixes = () => view()?.fixes ?? [];
  const same = (fix) => fix.first === span.first && fix.last === span.last && fix.person === span.person;
  const known = (kind) => fixes().find((fix) => fix.kind === kind && same(fix)) ?? null;
  const takeStrength = () => { span.strength = known("strength")?.strength ?? 0.5; };

  L.mendFinding = (row) => { Object.assign(span, { first: row.first, last: row.last, person: row.person, of: row.key }); takeStrength(); };
  L.mendHere = () => {
    const frame = L.player?.state.frame ?? 0;
    const faces = view()?.faces_frame === frame ? view().faces : [];
    Object.assign(span, { first: frame, last: frame, person: faces.length === 1 ? faces[0].number : null, of: null });
    takeStrength();
  };

  L.mendButton = () => (L.mayEdit() ? h("button.button.quiet", { id: "mend", "data-key": "mend", title: `${t("mend.help")} · M`, "aria-label": t("mend"), onclick: L.openMend },
    L.icon("brush"), h("span.tool-words", {}, t("mend"))) : null);

  const ask = (fix) => {
    L.ask({ do: "fix", first: span.first, last: span.last, person: span.person, fix });
    const { frame } = L.player.state;
    if (frame < span.first || frame > span.last) L.player.seek(span.first);
    L.showMended();
  };
  const apply = (kind) => {
    if (kind === "points" || kind === "mask") { edit(kind); return; }
    ask(kind === "strength" ? { fix: kind, strength: span.strength } : { fix: kind });
  };

  // ---- in the panel ------------------------------------------------------------------------------------------------
  const bound = (id, label, value, set) => h("label.frame-field", { "data-key": `label-${id}` }, h("span", {}, label),
    h("input.text", { id, "data-key": id, type: "number", min: 0, max: view().clip.frames - 1, value, onchange: (event) => {
      const to = Math.max(0, Math.min(view().clip.frames - 1, Math.round(Number(event.target.value) || 0)));
      event.target.value = to;
      set(to);
      takeStrength();
      L.drawFound(view());
    } }));
  const whom = () => {
    const numbers = (L.views.people?.people ?? []).map((one) => one.number).filter(Number.isInteger);
    const options = [null, ...numbers, 0];
    return h("label.frame-field", { "data-key": "label-whom" }, h("span", {}, t("mend.whom")), h("select", { id: "mend-whom", "data-key": "mend-whom", onchange: (event) => {
      span.person = event.target.value === "" ? null : Number(event.target.value);
      takeStrength();
      L.drawFound(view());
    } }, options.map((one) => h("option", { value: one === null ? "" : String(one), selected: one === span.person }, L.whoWords(one)))));
  };
  const ICONS = { neighbours: "ahead", hold: "pause", original: "eye", strength: "sliders", points: "grip", mask: "brush" };
  const way = (kind, best) => h(`button.button.small${best ? ".best" : ""}`, { "data-key": `fix-${kind}`, id: `fix-${kind}`, title: t(`fix.${kind}.help`), "aria-pressed": String(Boolean(known(kind))),
    onclick: () => apply(kind) }, L.icon(ICONS[kind]), t(`fix.${kind}`));

  const amount = () => h("label.frame-field.amount", { "data-key": "amount" }, h("span", {}, t("fix.strength")), h("input", { id: "mend-strength", "data-key": "mend-strength", type: "range", min: 0, max: 1, step: 0.05, value: span.strength,
    style: `--share:${span.strength * 100}%`, oninput: (event) => { span.strength = Number(event.target.value); event.target.style.setProperty("--share", `${span.strength * 100}%`); event.target.nextElementSibling.textContent = `${Math.round(span.strength * 100)} %`; },
    onchange: () => ask({ fix: "strength", strength: span.strength }) }), h("span.figures", {}, `${Math.round(span.strength * 100)} %`));

  const fixWords = (fix) => `${t(`fix.${fix.kind}`)}${fix.strength === null ? "" : ` ${Math.round(fix.strength * 100)} %`}`;
  const line = (fix) => h("li", { "data-key": `mended-${fix.place}`, "data-fix": fix.kind },
    h("button.bare.mended", { "data-key": `mended-go-${fix.place}`, title: t("mend.go"), onclick: () => {
      Object.assign(span, { first: fix.first, last: fix.last, person: fix.person });
      takeStrength();
      L.player.seek(fix.first);
      L.showMended();
    } }, L.icon(ICONS[fix.kind]), h("span", {}, h("b", {}, fixWords(fix)), h("small", {}, `${L.spanWords(fix.first, fix.last)} · ${L.whoWords(fix.person)}`))),
    h("button.bare", { "data-key": `unfix-${fix.place}`, "data-unfix": fix.place, title: t("mend.remove"), "aria-label": t("mend.remove"), onclick: () => L.ask({ do: "unfix", fix: fix.place }) }, L.icon("trash")));

  const again = () => {
    const now = view();
    const job = L.jobs.find((one) => one.id === now.again && ["queued", "running", "paused"].includes(one.state));
    const failed = L.jobs.find((one) => one.id === now.again && one.state === "failed")?.error;
    const waiting = now.found ? now.found.unrendered : fixes().length;
    return h("div.render-again", { "data-key": "again" },
      job ? [h("span.hint", { role: "status" }, L.jobWords(job)), h("div.loading", {}, L.jobBar(job))] : null,
      failed ? h("p.remark", { role: "alert", "data-code": failed.code }, L.icon("warning"), h("span", {}, L.or(`error.${failed.code}`, failed.words, { subject: failed.subject }))) : null,
      h("button.button.primary", { id: "render-again", "data-key": "render-again", disabled: Boolean(job) || !waiting || !now.changed, title: t("mend.again.help"),
        onclick: () => { awaited = { before: now.again }; L.ask({ do: "render_again" }); L.lookAtJobs(); [200, 600, 1500].forEach((wait) => setTimeout(L.lookAtJobs, wait)); } },
      L.icon("again"), waiting ? t("mend.again_n", { n: waiting }) : t("mend.again")));
  };

  // row: the finding that is looked at, or null.
  L.mendPanel = (row) => {
    const mine = row && span.of === row.key;
    const ways = (mine && ONLY[row.code]) || KINDS;
    const best = mine ? (BEST[row.code] ?? [])[0] : null;
    const first = mine ? [...(BEST[row.code] ?? []).filter((kind) => ways.includes(kind)), ...ways.filter((kind) => !(BEST[row.code] ?? []).includes(kind))] : ways;
    return [
      h("section.mend", { "data-key": "mend" },
        h("h3", {}, t("mend.title"), row ? h("button.button.quiet.small", { "data-key": "mend-here", id: "mend-here", title: t("mend.here.help"), onclick: () => { L.mendHere(); L.drawFound(view()); } }, t("mend.here")) : null),
        h("div.row.mend-span", {}, bound("mend-first", t("mend.from"), span.first, (to) => { span.first = to; span.last = Math.max(span.last, to); }),
          bound("mend-last", t("mend.to"), span.last, (to) => { span.last = to; span.first = Math.min(span.first, to); }), whom()),
        h("div.ways", {}, first.filter((kind) => kind !== "strength").map((kind) => way(kind, kind === best))),
        ways.includes("strength") ? amount() : null),
      fixes().length ? h("section.mended-list", { "data-key": "mended" }, h("h3", {}, t("mend.list"), h("span.count", {}, String(fixes().length))),
        h("ul", {}, [...fixes()].sort((one, other) => one.first - other.first).map(line))) : null,
      again()];
  };

  // A render that was asked for here shows what is left when it is done.
  L.drawMend = (now) => {
    if (awaited && !awaited.job && now.again && now.again !== awaited.before) awaited.job = now.again;
    const job = awaited?.job ? L.jobs.find((one) => one.id === awaited.job) : null;
    if (!job || !["done", "failed", "cancelled"].includes(job.state)) return;
    awaited = null;
    if (job.state === "done" && job.findings && L.clipOpen()) L.ask({ do: "findings", job: job.id });
  };

  // ---- the enlarged face -------------------------------------------------------------------------------------------
  const SIDE = 512;
  const load = async (frame) => {
    const { clip, tab } = view();
    const whom_ = span.person === null ? "" : `&person=${span.person}`;
    const answer = await fetch(`mend/${tab}/${clip.key}/face/${frame}?first=${span.first}&last=${span.last}${whom_}`, { cache: "no-store" });
    return answer.ok ? answer.json() : null;
  };
  const edit = async (kind) => {
    const { state } = L.player;
    if (state.frame < span.first || state.frame > span.last) L.player.seek(span.first);
    const { frame } = state;
    L.player.pause();
    const body = h("div.face-editor", {}, h("p.hint", { role: "status" }, t("mend.loading")));
    const dialog = L.dialogue(t(`fix.${kind}`).replace("…", ""), body);
    dialog.classList.add("face-dialogue");
    dialog.id = "face-dialogue";
    const face = await load(frame).catch(() => null);
    if (!dialog.isConnected) return;
    if (!face) { L.fill(body, h("p.remark", {}, L.icon("warning"), h("span", {}, t("mend.no_face")))); return; }
    const words = h("p.hint", {}, `${L.spanWords(span.first, span.last)} · ${L.whoWords(span.person)} · ${t(`fix.${kind}.how`)}`);
    const done = (fix) => { dialog.close(); ask(fix); };
    (kind === "points" ? points : paint)(body, words, face, done, frame);
  };

  const GROUPS = [["jaw", 0, 17], ["brows", 17, 27], ["nose", 27, 36], ["eyes", 36, 48], ["mouth", 48, 68]];
  const LINES = [[0, 17], [17, 22], [22, 27], [27, 31], [31, 36], [36, 42, true], [42, 48, true], [48, 60, true], [60, 68, true]];
  const svg = (name, attributes) => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", name);
    Object.entries(attributes).forEach(([key, value]) => element.setAttribute(key, value));
    return element;
  };
  const points = (body, words, face, done) => {
    const before = known("points")?.points ?? {};
    const moves = face.points.map((_, n) => (before[n] ?? [0, 0]).map((one) => one / face.reach));
    let whole = "group";
    let touched = null;
    const layer = svg("svg", { viewBox: `-0.5 -0.5 ${SIDE} ${SIDE}`, class: "points", tabindex: "0", role: "application" });
    layer.setAttribute("aria-label", t("fix.points.how"));
    const at = (n) => face.points[n].map((one, axis) => (one + moves[n][axis]) * (SIDE - 1));
    const lines = LINES.map(() => svg("polyline", {}));
    const dots = face.points.map((_, n) => svg("circle", { r: 4.5, "data-point": n }));
    layer.append(...lines, ...dots);
    const moved = () => moves.some(([x, y]) => Math.hypot(x, y) * face.reach > 1e-3);
    const lay = () => {
      dots.forEach((dot, n) => { const [x, y] = at(n); dot.setAttribute("cx", x); dot.setAttribute("cy", y); dot.classList.toggle("moved", Math.hypot(...moves[n]) * face.reach > 1e-3); dot.classList.toggle("touched", touched?.includes(n) ?? false); });
      LINES.forEach(([from, to, closed], i) => lines[i].setAttribute("points", [...Array.from({ length: to - from }, (_, k) => from + k), ...(closed ? [from] : [])].map((n) => at(n).join(",")).join(" ")));
      const apply_ = document.getElementById("points-apply");
      if (apply_) apply_.disabled = !moved() && !known("points");
    };
    const with_ = (n) => (whole === "one" ? [n] : whole === "all" ? face.points.map((_, k) => k) : GROUPS.filter(([, from, to]) => n >= from && n < to).flatMap(([, from, to]) => Array.from({ length: to - from }, (_, k) => from + k)));
    const limit = (value) => Math.max(-1.5 / face.reach * 0.7, Math.min(1.5 / face.reach * 0.7, value));
    const shift = (some, dx, dy) => { some.forEach((n) => { moves[n] = [limit(moves[n][0] + dx), limit(moves[n][1] + dy)]; }); lay(); };
    layer.addEventListener("pointerdown", (event) => {
      const box = layer.getBoundingClientRect();
      const [x, y] = [(event.clientX - box.left) / box.width * SIDE, (event.clientY - box.top) / box.height * SIDE];
      const near = face.points.map((_, n) => [Math.hypot(at(n)[0] - x, at(n)[1] - y), n]).sort((a, b) => a[0] - b[0])[0];
      if (near[0] > 28) return;
      event.preventDefault();
      layer.focus();
      layer.setPointerCapture(event.pointerId);
      touched = with_(near[1]);
      lay();
      let last = event;
      const follow = (next) => { shift(touched, (next.clientX - last.clientX) / box.width, (next.clientY - last.clientY) / box.height); last = next; };
      layer.addEventListener("pointermove", follow);
      ["pointerup", "pointercancel"].forEach((type) => layer.addEventListener(type, () => layer.removeEventListener("pointermove", follow), { once: true }));
    });
    layer.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
      if (!step || !touched) return;
      event.preventDefault();
      event.stopPropagation();
      shift(touched, step[0] / 250, step[1] / 250);
    });
    const tools = h("div.row");
    const drawTools = () => L.fill(tools,
      h("span.segments", { role: "group", "aria-label": t("points.move") }, [["one", "points.one"], ["group", "points.group"], ["all", "points.all"]].map(([name, key]) => h("button.segment", { "data-key": `move-${name}`, id: `move-${name}`, "aria-pressed": String(whole === name),
        onclick: () => { whole = name; drawTools(); } }, t(key)))),
      h("span.spring"),
      h("button.button", { "data-key": "points-reset", onclick: () => { moves.forEach((_, n) => { moves[n] = [0, 0]; }); lay(); } }, L.icon("reset"), t("mend.reset")),
      h("button.button.primary", { id: "points-apply", "data-key": "points-apply", disabled: true, onclick: () => done({ fix: "points", points: Object.fromEntries(moves.map(([x, y], n) => [n, [x * face.reach, y * face.reach]])
        .filter(([n, [x, y]]) => Math.hypot(x, y) > 1e-3 || (!moved() && n === 30))) }) }, t("mend.apply")));
    L.fill(body, words, h("div.face-square", {}, h("img", { src: face.before, alt: "", draggable: false }), layer), tools);
    drawTools();
    lay();
  };

  const PAINT = 256;
  const picture = (src) => new Promise((resolve) => { const image = new Image(); image.onload = () => resolve(image); image.onerror = () => resolve(null); image.src = src; });
  const paint = async (body, words, face, done, frame) => {
    const [before, kept] = await Promise.all([picture(face.before), face.png ? picture(`data:image/png;base64,${face.png}`) : null]);
    let after = face.after ? await picture(face.after) : null;
    const made = (side) => Object.assign(document.createElement("canvas"), { width: side, height: side });
    const [mask, shown, over] = [made(PAINT), made(SIDE), made(PAINT)];
    const ink = mask.getContext("2d", { willReadFrequently: true });
    const clear = () => { ink.globalAlpha = 1; ink.fillStyle = "rgb(128 128 128)"; ink.fillRect(0, 0, PAINT, PAINT); };
    clear();
    if (kept) ink.drawImage(kept, 0, 0, PAINT, PAINT);
    const brush = { value: 0, size: 34 };
    let used = false;
    shown.id = "paint-canvas";
    shown.setAttribute("aria-label", t("fix.mask.how"));
    const lay = () => {
      const context = shown.getContext("2d");
      context.drawImage(after ?? before, 0, 0, SIDE, SIDE);
      const grey = ink.getImageData(0, 0, PAINT, PAINT).data;
      const tinted = (share, fill) => {
        const top = over.getContext("2d");
        const pixels = top.createImageData(PAINT, PAINT);
        for (let i = 0; i < grey.length; i += 4) pixels.data[i + 3] = share(grey[i]);
        top.globalCompositeOperation = "copy";
        top.putImageData(pixels, 0, 0);
        top.globalCompositeOperation = "source-in";
        fill(top);
        context.drawImage(over, 0, 0, SIDE, SIDE);
      };
      const colour = (fill) => (top) => { top.fillStyle = fill; top.fillRect(0, 0, PAINT, PAINT); };
      if (after) tinted((one) => (one < 128 ? 255 - one * 2 : 0), (top) => top.drawImage(before, 0, 0, PAINT, PAINT));
      tinted((one) => (one < 128 ? (128 - one) * 0.6 : 0), colour("#e0524d"));
      tinted((one) => (one > 128 ? (one - 128) * 0.6 : 0), colour("#4fb477"));
    };
    const dab = (x, y) => {
      const spot = ink.createRadialGradient(x, y, brush.size * 0.25, x, y, brush.size / 2);
      spot.addColorStop(0, `rgb(${brush.value} ${brush.value} ${brush.value} / .7)`);
      spot.addColorStop(1, `rgb(${brush.value} ${brush.value} ${brush.value} / 0)`);
      ink.fillStyle = spot;
      ink.fillRect(0, 0, PAINT, PAINT);
      used = true;
    };
    shown.addEventListener("pointerdown", (event) => {
      event.preventDefault();
      shown.setPointerCapture(event.pointerId);
      const box = shown.getBoundingClientRect();
      const place = (one) => [(one.clientX - box.left) / box.width * PAINT, (one.clientY - box.top) / box.height * PAINT];
      let last = place(event);
      const follow = (next) => {
        const to = place(next);
        const steps = Math.max(1, Math.ceil(Math.hypot(to[0] - last[0], to[1] - last[1]) / (brush.size / 5)));
        for (let i = 1; i <= steps; i += 1) dab(last[0] + (to[0] - last[0]) * i / steps, last[1] + (to[1] - last[1]) * i / steps);
        last = to;
        lay();
      };
      follow(event);
      drawTools();
      shown.addEventListener("pointermove", follow);
      ["pointerup", "pointercancel"].forEach((type) => shown.addEventListener(type, () => shown.removeEventListener("pointermove", follow), { once: true }));
    });
    const tools = h("div.face-tools");
    const drawTools = () => L.fill(tools, h("div.row", { "data-key": "brushes" },
      h("span.segments", { role: "group", "aria-label": t("paint.brush") }, [[0, "paint.original"], [255, "paint.change"], [128, "paint.erase"]].map(([value, key]) => h("button.segment", { "data-key": key, id: key.replace(".", "-"), "aria-pressed": String(brush.value === value),
        onclick: () => { brush.value = value; drawTools(); } }, t(key)))),
      h("label.frame-field", { "data-key": "size-label" }, h("span", {}, t("paint.size")), h("input", { id: "paint-size", "data-key": "paint-size", type: "range", min: 6, max: 120, value: brush.size, style: `--share:${(brush.size - 6) / 1.14}%`,
        oninput: (event) => { brush.size = Number(event.target.value); event.target.style.setProperty("--share", `${(brush.size - 6) / 1.14}%`); } }))),
    h("div.row", { "data-key": "ends" }, after ? null : h("span.hint", {}, t("paint.no_preview")), h("span.spring"), h("button.button", { "data-key": "paint-clear", id: "paint-clear", onclick: () => { clear(); used = true; lay(); drawTools(); } }, L.icon("reset"), t("paint.clear")),
      h("button.button.primary", { id: "paint-apply", "data-key": "paint-apply", disabled: !used, onclick: () => done({ fix: "mask", png: mask.toDataURL("image/png").split(",")[1] }) }, t("mend.apply"))));
    L.fill(body, words, h("div.face-square", {}, shown), tools);
    drawTools();
    lay();
    // The frame with its effects may be on its way yet.
    for (let tries = 0; !after && tries < 20 && shown.isConnected; tries += 1) {
      await new Promise((resolve) => setTimeout(resolve, 500));
      if (view().still?.frame !== frame) continue;
      const later = await load(frame);
      after = later?.after ? await picture(later.after) : null;
      if (!later) break;
      lay();
      drawTools();
    }
  };
})();
