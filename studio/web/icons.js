// Line icons, 16 × 16, drawn here.
(() => {
  const paths = {
    close: "M4 4l8 8M12 4l-8 8",
    plus: "M8 3v10M3 8h10",
    warning: "M8 2.5l6 11H2zM8 6.5v3.2M8 11.6v.2",
    undo: "M6 4L3 7l3 3M3 7h6.5a3.5 3.5 0 010 7H7",
    redo: "M10 4l3 3-3 3M13 7H6.500a3.500 3.500 0 000 7H9",
    grip: "M6 4v.01M10 4v.01M6 8v.01M10 8v.01M6 12v.01M10 12v.01",
    up: "M4 10l4-4 4 4",
    down: "M4 6l4 4 4-4",
    eye: "M1.500 8s2.400-4.500 6.500-4.500S14.500 8 14.500 8 12.100 12.500 8 12.500 1.500 8 1.500 8zM8 9.800a1.800 1.800 0 100-3.600 1.800 1.800 0 000 3.600z",
    eyeoff: "M2 2l12 12M6 3.800A6 6 0 018 3.500c4.100 0 6.500 4.500 6.500 4.500a11 11 0 01-1.800 2.300M10.700 11.900A6 6 0 018 12.500C3.900 12.500 1.500 8 1.500 8a11 11 0 012.600-3",
    copy: "M5.500 5.500h8v8h-8zM3 10.500V2.500h8",
    trash: "M3 4.500h10M6.500 4.500V2.500h3v2M4.500 4.500l.6 9h5.800l.6-9",
    reset: "M3.500 8a4.500 4.500 0 104.500-4.500H4.500M6.500 1.500l-2 2 2 2",
    more: "M3.500 8v.01M8 8v.01M12.500 8v.01",
    camera: "M2 5h3l1-2h4l1 2h3v8H2zM8 11a2.300 2.300 0 100-4.600A2.300 2.300 0 008 11z",
    folder: "M2 12.500v-9h4l1.500 2H14v7z",
    upload: "M8 10.500V3M5 6l3-3 3 3M3 10.500v2.500h10v-2.500",
    sun: "M8 10.800a2.800 2.800 0 100-5.600 2.800 2.800 0 000 5.600zM8 1.500v1.500M8 13v1.500M1.500 8H3M13 8h1.500M3.400 3.400l1 1M11.600 11.600l1 1M12.600 3.400l-1 1M4.400 11.600l-1 1",
    moon: "M13 9.500A5.500 5.500 0 016.500 3 5.500 5.500 0 1013 9.500z",
    check: "M3 8.500l3.200 3.200L13 5",
    person: "M8 8a2.700 2.700 0 100-5.400A2.700 2.700 0 008 8zM3 13.500c.4-2.600 2.400-4 5-4s4.600 1.400 5 4",
    arrow: "M3 8h10M9.500 4.500L13 8l-3.500 3.500",
    split: "M8 2v12M5.500 6L3 8l2.500 2M10.500 6L13 8l-2.500 2",
    save: "M8 2.500v7M5 7l3 3 3-3M3 11.500v2h10v-2",
    sliders: "M2 5h5M11 5h3M9 3v4M2 11h3M9 11h5M7 9v4",
    recipe: "M4 2h6l2.500 2.500V14H4zM6.500 7h4M6.500 9.500h4",
  };
  window.Likeness.icon = (name) => {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    svg.setAttribute("viewBox", "0 0 16 16");
    svg.setAttribute("class", `icon icon-${name}`);
    svg.setAttribute("aria-hidden", "true");
    const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
    path.setAttribute("d", paths[name]);
    svg.append(path);
    return svg;
  };
})();
