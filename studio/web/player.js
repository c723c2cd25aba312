// The playhead: plays and scrubs the stand-in video, and shows the exact frame from the studio wherever it rests.
(() => {
  const L = window.Likeness;
  const SETTLE = 60; // milliseconds of rest before the exact frame is asked for: a drag moves on sooner
  const TELL = 220; // and before the studio looks for faces there and renders it
  const FASTEST = 4;

  // video, exact: the elements that show the stand-in and the frame. moved: called when the playhead is elsewhere;
  // seen: when what is shown has changed.
  L.makePlayer = ({ video, moved, seen }) => {
    const state = { clip: null, frame: 0, playing: false, speed: 1, exact: null, exactFrame: null, told: null, jump: 0 };
    let timers = [];
    let fetching = null;
    let backwards = null;

    const clear = () => { timers.forEach(clearTimeout); timers = []; };
    const hasVideo = () => Boolean(state.clip?.video) && video.readyState >= 1;

    const fetchExact = async () => {
      const { clip, frame } = state;
      if (!clip || (state.exactFrame === frame && state.exact)) return;
      fetching?.abort();
      const mine = (fetching = new AbortController());
      try {
        const width = Math.min(clip.width, Math.ceil(window.innerWidth * (window.devicePixelRatio || 1)));
        const answer = await fetch(`${clip.frame}${frame}?w=${width}`, { signal: mine.signal });
        if (answer.status === 409) { // an older request came in later, and overtook this one
          timers.push(setTimeout(() => { if (state.clip === clip && state.frame === frame) fetchExact(); }, SETTLE));
          return;
        }
        if (!answer.ok) return;
        const url = URL.createObjectURL(await answer.blob());
        const next = new Image();
        next.src = url;
        await next.decode();
        if (state.clip?.key !== clip.key || state.frame !== frame || mine.signal.aborted) { URL.revokeObjectURL(url); return; }
        const old = state.exact;
        Object.assign(state, { exact: url, exactFrame: frame });
        seen();
        setTimeout(() => { if (old) URL.revokeObjectURL(old); }, 1000);
      } catch (error) {
        if (error.name !== "AbortError") L.pulse();
      }
    };

    const showVideo = () => {
      const wanted = L.middleOf(state.clip, state.frame);
      if (!video.seeking && Math.abs(video.currentTime - wanted) > 1e-4) video.currentTime = wanted;
    };
    // A seek that ended may be behind the hand by now.
    video.addEventListener("seeked", () => { if (state.clip && !state.playing) { showVideo(); seen(); } });
    video.addEventListener("loadeddata", () => { if (state.clip && !state.playing) { showVideo(); seen(); } });

    const rest = () => {
      clear();
      timers = [setTimeout(fetchExact, hasVideo() ? SETTLE : 0), setTimeout(tell, TELL)];
    };
    const tell = () => {
      const { clip, frame } = state;
      if (!clip || state.playing || state.told === `${clip.key} ${frame}`) return;
      state.told = `${clip.key} ${frame}`;
      L.ask({ do: "at", frame, jump: state.jump });
    };

    const seek = (frame) => {
      const { clip } = state;
      if (!clip) return;
      state.frame = Math.max(0, Math.min(clip.frames - 1, Math.round(frame)));
      if (hasVideo()) showVideo();
      rest();
      moved();
    };

    const stopBackwards = () => { clearInterval(backwards); backwards = null; };
    const pause = () => {
      if (!state.playing) return;
      state.playing = false;
      stopBackwards();
      video.pause();
      if (state.clip && !state.reverse) state.frame = L.frameAt(state.clip, video.currentTime);
      state.reverse = false;
      seek(state.frame);
    };
    const play = (speed = 1) => {
      if (!hasVideo()) return;
      clear();
      stopBackwards();
      const { clip } = state;
      Object.assign(state, { playing: true, speed, reverse: speed < 0 });
      if (speed < 0) { // browsers do not play backwards: as many steps back as time asks for
        let [from, since] = [L.timeOf(clip, state.frame), performance.now()];
        video.pause();
        backwards = setInterval(() => {
          const seconds = from + (speed * (performance.now() - since)) / 1000;
          state.frame = L.frameAt(clip, Math.max(seconds, 0));
          showVideo();
          moved();
          if (seconds <= 0) pause();
        }, 60);
        return;
      }
      if (state.frame >= clip.frames - 1) { state.frame = 0; video.currentTime = 0; }
      video.playbackRate = speed;
      video.play().then(follow, () => { state.playing = false; moved(); });
      moved();
    };
    const follow = () => {
      if (!state.playing || state.reverse) return;
      const now = L.frameAt(state.clip, video.currentTime);
      if (now !== state.frame) { state.frame = now; moved(); }
      requestAnimationFrame(follow);
    };
    video.addEventListener("ended", () => { if (state.playing) { state.playing = false; seek(state.clip.frames - 1); } });

    // J and L pressed again are faster.
    const shuttle = (direction) => {
      const faster = state.playing && Math.sign(state.speed) === direction;
      play(direction * Math.min(FASTEST, faster ? Math.abs(state.speed) * 2 : 1));
    };

    // What is open, as the studio sees it: view of the Clip screen, or null.
    const load = (view) => {
      const clip = view?.clip ?? null;
      const other = clip?.key !== state.clip?.key;
      const arrived = clip?.video && video.dataset.src !== clip.video;
      state.clip = clip;
      if (!clip) {
        clear();
        state.playing = false;
        video.removeAttribute("src");
        delete video.dataset.src;
        return;
      }
      if (other) {
        pause();
        Object.assign(state, { exact: null, exactFrame: null, frame: view.at, told: null, jump: view.jump });
        L.loadTimes(clip);
      }
      if (other && !clip.video) { video.removeAttribute("src"); delete video.dataset.src; }
      if (arrived) { video.dataset.src = clip.video; video.src = clip.video; video.preload = "auto"; }
      if (other || state.jump !== view.jump) {
        state.jump = view.jump;
        pause();
        state.told = `${clip.key} ${view.at}`; // the studio put it there
        seek(view.at);
      }
    };

    const step = (frames) => { pause(); seek(state.frame + frames); };
    const stepSeconds = (seconds) => { pause(); seek(L.frameAt(state.clip, L.timeOf(state.clip, state.frame) + seconds)); };
    return { state, load, seek: (frame) => { pause(); seek(frame); }, play, pause, step, stepSeconds, shuttle,
      toggle: () => (state.playing ? pause() : play()) };
  };
})();
