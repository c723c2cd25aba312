// Times and frames of the clip that is open, and how they are written.
(() => {
  const L = window.Likeness;

  const two = (number) => String(number).padStart(2, "0");
  // 00:12.713, or with hours 1:00:12.713; digits: of the fraction.
  L.clock = (seconds, digits = 3) => {
    const scale = 10 ** digits;
    const whole = Math.floor(Math.max(seconds, 0) * scale + 1e-6);
    const rest = Math.floor(whole / scale);
    const fraction = digits ? `.${String(whole % scale).padStart(digits, "0")}` : "";
    const hours = Math.floor(rest / 3600);
    return `${hours ? `${hours}:` : ""}${two(Math.floor(rest / 60) % 60)}:${two(rest % 60)}${fraction}`;
  };

  // Roughly how long: 9 s, 4 min, 2 h 10 min.
  L.duration = (seconds) => {
    if (seconds < 90) return L.t("seconds", { n: Math.max(1, Math.round(seconds)) });
    const minutes = Math.round(seconds / 60);
    return minutes < 90 ? L.t("minutes", { n: minutes }) :
      L.t("hours", { n: Math.floor(minutes / 60), rest: minutes % 60 });
  };

  L.bytes = (bytes) => {
    const [size, unit] = bytes >= 1e9 ? [bytes / 1e9, "GB"] : bytes >= 1e6 ? [bytes / 1e6, "MB"] : [bytes / 1e3, "kB"];
    return `${size >= 100 ? Math.round(size) : size.toFixed(1)} ${unit}`;
  };

  // Every frame's time; until the table is there, even spacing.
  const table = { key: null, times: null };
  L.loadTimes = async (clip) => {
    if (table.key === clip.times) return;
    Object.assign(table, { key: clip.times, times: null });
    const answer = await fetch(clip.times);
    const times = answer.ok ? new Float64Array(await answer.arrayBuffer()) : null;
    if (table.key === clip.times) { table.times = times; L.draw("clip"); }
  };
  L.timeOf = (clip, frame) => {
    if (frame >= clip.frames) return clip.seconds;
    return table.key === clip.times && table.times ? table.times[frame] : frame / clip.rate;
  };
  L.frameAt = (clip, seconds) => {
    const { times } = table.key === clip.times ? table : { times: null };
    if (!times) return Math.max(0, Math.min(clip.frames - 1, Math.floor(seconds * clip.rate + 1e-3)));
    let [low, high] = [0, clip.frames - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (times[middle] <= seconds + 1e-6) low = middle; else high = middle - 1;
    }
    return low;
  };
  // Where a video has to be set so that it shows this frame and no neighbour.
  L.middleOf = (clip, frame) => (L.timeOf(clip, frame) + L.timeOf(clip, frame + 1)) / 2;
})();
