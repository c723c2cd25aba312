// Ways in: drop, paste, choose, a path on this machine, the webcam. Every one ends in an action with a file's path.
(() => {
  const L = window.Likeness;
  const { h, t } = L;
  const PICTURES = "image/*,.heic,.heif,.avif,.tif,.tiff,.bmp,.webp";
  const CLIPS = "video/*,.mkv,.mov,.avi,.webm,.mxf,.ts,.m4v,.gif";

  // what: "open" (the picture or clip that is worked on), "choose_backdrop" (what lies behind people) or { to } (a photo
  // of a source; to: null for a new one).
  const isOne = (what) => typeof what === "string";
  const action = (what, file, group = null) => (isOne(what) ? { do: what, ...file } :
    { do: "add_photo", to: what.to, group, ...file });
  let groups = 0;

  L.take = async (files, what) => {
    const list = [...files];
    const group = `group ${(groups += 1)}`; // several photos at once are one identity
    for (const file of isOne(what) ? list.slice(0, 1) : list) {
      try {
        const { path } = await L.upload(file);
        L.ask(action(what, { at: path, name: file.name, how: "upload" }, group));
      } catch (error) { L.notTaken(file, error); }
    }
  };

  L.pick = (what) => {
    const input = h("input", { type: "file", accept: `${PICTURES},${CLIPS}`, multiple: !isOne(what),
      onchange: () => { L.take(input.files, what); input.remove(); } });
    input.hidden = true;
    input.id = "file-input";
    document.body.append(input);
    input.click();
  };

  L.pickRecipe = () => {
    const input = h("input", { type: "file", accept: ".json,application/json", id: "recipe-input", onchange: async () => {
      const file = input.files[0];
      input.remove();
      if (!file) return;
      try {
        const { path } = await L.upload(file);
        L.ask({ do: "load_recipe", at: path, name: file.name, how: "upload" });
      } catch (error) { L.notTaken(file, error); }
    } });
    input.hidden = true;
    document.body.append(input);
    input.click();
  };

  // As people have it on their clipboards: bare, in quotes, or as the address that a file manager gives.
  const plainPath = L.plainPath = (typed) => {
    const bare = typed.trim().replace(/^(["'])(.*)\1$/, "$2");
    if (!/^file:\/\//i.test(bare)) return bare;
    try { return decodeURIComponent(new URL(bare).pathname).replace(/^\/([A-Za-z]:)/, "$1"); } catch { return bare; }
  };

  L.askPath = (what) => {
    const field = h("input.text", { id: "path-input", type: "text", spellcheck: false, autocomplete: "off",
      placeholder: t(L.screen === "clip" ? "path.placeholder_clip" : "path.placeholder"), "aria-label": t("path.label") });
    const dialog = L.dialogue(t("path.title"), h("form", { method: "dialog", onsubmit: () => {
      const path = plainPath(field.value);
      if (path) L.ask(action(what, { at: path, name: path.split(/[\\/]/).pop(), how: "machine" }));
    } }, h("p.hint", {}, t("path.help")), field,
    h("div.row.end", {}, h("button.button.primary", { id: "path-open", type: "submit" }, t("open")))));
    field.focus();
    return dialog;
  };

  L.webcam = async (what) => {
    const video = h("video.webcam", { autoplay: true, muted: true, playsInline: true });
    let stream = null;
    const stop = () => stream?.getTracks().forEach((track) => track.stop());
    const words = h("p.hint", { role: "status" }, t("webcam.starting"));
    const shoot = h("button.button.primary", { id: "webcam-shoot", disabled: true, onclick: () => {
      const canvas = h("canvas", { width: video.videoWidth, height: video.videoHeight });
      canvas.getContext("2d").drawImage(video, 0, 0);
      canvas.toBlob((blob) => {
        dialog.close();
        L.take([new File([blob], "webcam.png", { type: "image/png" })], what);
      }, "image/png");
    } }, L.icon("camera"), t("webcam.shoot"));
    const dialog = L.dialogue(t("webcam.title"), [video, words, h("div.row.end", {}, shoot)], stop);
    try {
      stream = await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: 1280 } }, audio: false });
      if (!dialog.isConnected) { stop(); return; }
      video.srcObject = stream;
      await video.play();
      words.textContent = t("webcam.local");
      shoot.disabled = false;
      shoot.focus();
    } catch {
      words.textContent = t(window.isSecureContext ? "webcam.none" : "insecure.webcam");
    }
  };

  L.waysIn = (anchor, what, label) => L.menu(anchor, label, [
    { id: "way-file", icon: "upload", label: t(what === "open" && L.screen === "clip" ? "way.clip" : "way.file"), act: () => L.pick(what) },
    ...(L.isOwner() ? [{ id: "way-path", icon: "folder", label: t("way.path"), act: () => L.askPath(what) }] : []),
    { id: "way-webcam", icon: "camera", label: t("way.webcam"), act: () => L.webcam(what) },
  ]);

  // Dropping: on the left, a photo of a source; on an effect's place for one, a backdrop; anywhere else, the picture to
  // work on.
  const place = (event) => event.target.closest?.("[data-backdrop]") ? "choose_backdrop" : event.target.closest?.("#people") && L.views.people?.open ? { to: event.target.closest("[data-source]")?.dataset.source ?? null } : "open";
  const hasFiles = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
  let depth = 0;
  const mark = (event) => { document.documentElement.dataset.drop = event ? ({ open: "viewer", choose_backdrop: "backdrop" }[place(event)] ?? "people") : ""; };
  document.addEventListener("dragenter", (event) => { if (hasFiles(event)) { depth += 1; mark(event); } });
  document.addEventListener("dragleave", (event) => { if (hasFiles(event) && (depth -= 1) <= 0) { depth = 0; mark(null); } });
  document.addEventListener("dragover", (event) => { if (hasFiles(event)) { event.preventDefault(); mark(event); } });
  document.addEventListener("drop", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    depth = 0;
    mark(null);
    if (L.screen === "models") { if (L.isOwner()) L.takeModels([...event.dataTransfer.files]); return; }
    L.take(event.dataTransfer.files, place(event));
  });
  document.addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files ?? [])].filter((file) => file.type.startsWith("image/"));
    if (!files.length) return;
    event.preventDefault();
    L.take(files, L.views.people?.open ? { to: null } : "open");
  });
})();
