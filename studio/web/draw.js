// Boxes drawn by hand over heads that the detector missed: with the pointer, or with the arrow keys.
(() => {
  const L = window.Likeness;
  const { h, t } = L;
  let layer = null;

  const limit = (value, low, high) => Math.max(low, Math.min(high, value));
  const STYLES = ["blur", "pixelate", "solid"];

  L.stopDrawing = () => {
    if (!layer) return;
    layer.remove();
    layer = null;
    L.redraw();
  };
  L.drawing = () => Boolean(layer);

  // board: the element that the picture fills. Asks for a cover when the box is done.
  L.startDrawing = (board) => {
    L.stopDrawing();
    const box = { x: 0.4, y: 0.35, w: 0.2, h: 0.3 };
    const shape = h("div.drawn");
    const words = h("span.drawing-words.chip", {}, t("draw.words"));
    const lay = () => Object.assign(shape.style, { left: `${box.x * 100}%`, top: `${box.y * 100}%`,
      width: `${box.w * 100}%`, height: `${box.h * 100}%` });
    const done = () => {
      L.stopDrawing();
      if (box.w > 0.004 && box.h > 0.004) L.ask({ do: "cover", x: box.x, y: box.y, width: box.w, height: box.h });
    };
    const at = (event) => {
      const rect = board.getBoundingClientRect();
      return [limit((event.clientX - rect.left) / rect.width, 0, 1), limit((event.clientY - rect.top) / rect.height, 0, 1)];
    };
    const moved = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    layer = h("div.drawing", { tabIndex: 0, role: "application", "aria-label": t("draw.label"), id: "drawing",
      onkeydown: (event) => {
        const step = moved[event.key];
        if (event.key === "Enter") done();
        else if (event.key === "Escape") L.stopDrawing();
        else if (step && event.shiftKey) {
          box.w = limit(box.w + step[0] * 0.02, 0.02, 1 - box.x);
          box.h = limit(box.h + step[1] * 0.02, 0.02, 1 - box.y);
        } else if (step) {
          box.x = limit(box.x + step[0] * 0.02, 0, 1 - box.w);
          box.y = limit(box.y + step[1] * 0.02, 0, 1 - box.h);
        } else return;
        event.preventDefault();
        event.stopPropagation();
        lay();
      },
      onpointerdown: (event) => {
        event.preventDefault();
        event.stopPropagation();
        const [x, y] = at(event);
        layer.setPointerCapture(event.pointerId);
        const follow = (next) => {
          const [x1, y1] = at(next);
          Object.assign(box, { x: Math.min(x, x1), y: Math.min(y, y1), w: Math.abs(x1 - x), h: Math.abs(y1 - y) });
          lay();
        };
        follow(event);
        layer.addEventListener("pointermove", follow);
        layer.addEventListener("pointerup", done, { once: true });
      } }, shape, words);
    lay();
    board.append(layer);
    layer.focus();
    L.redraw();
  };

  // A box that is there already: how it hides, and its removal.
  const choose = (anchor, cover) => L.menu(anchor, t("cover.menu"), [
    { group: t("choose.hide") },
    ...STYLES.map((style) => ({ id: `cover-${style}`, label: L.styleName(style), icon: "eyeoff", checked: style === cover.style,
      act: () => L.ask({ do: "style_cover", cover: cover.place, style }) })),
    { id: "cover-remove", icon: "trash", label: t("cover.remove"), act: () => L.ask({ do: "uncover", cover: cover.place }) },
  ]);
  L.coverChip = (cover, name) => h("button.cover-chip", { "data-key": `cover-${cover.place}`, id: `${name}cover-${cover.place}`,
    style: `left:${cover.x * 100}%;top:${cover.y * 100}%;width:${cover.w * 100}%;height:${cover.h * 100}%`,
    "aria-label": t("cover.chip", { n: cover.place + 1, style: L.styleName(cover.style) }), "aria-haspopup": "menu",
    onclick: (event) => choose(event.currentTarget, cover) }, h("b.number", {}, L.icon("eyeoff")));

  L.drawButton = (board, name = "") => h("button.button.quiet", { id: `${name}draw-box`, "data-key": "draw-box", title: t("draw.help"),
    "aria-pressed": String(L.drawing()), onclick: () => (L.drawing() ? L.stopDrawing() : L.startDrawing(board())) },
  L.icon("box"), h("span.tool-words", {}, t("draw")));
})();
