// Files on their way to the studio: straight to its disk, with how far they are and a way to stop.
(() => {
  const L = window.Likeness;
  L.uploading = null;

  // Gives the path under which the studio has the file. Raises where it could not be taken over; "stopped" by choice.
  L.upload = (file) => new Promise((done, fail) => {
    const request = new XMLHttpRequest();
    const state = { name: file.name, share: 0, stop: () => request.abort() };
    const end = (then) => (value) => {
      if (L.uploading === state) L.uploading = null;
      L.draw("tray");
      then(value);
    };
    request.upload.onprogress = (event) => {
      state.share = event.lengthComputable && event.total ? event.loaded / event.total : 0;
      L.draw("tray");
    };
    request.onload = () => {
      if (request.status === 200) end(done)(JSON.parse(request.responseText));
      else end(fail)(new Error(request.status === 507 ? "full" : `status ${request.status}`));
    };
    request.onerror = () => end(fail)(new Error("network"));
    request.onabort = () => end(fail)(new Error("stopped"));
    L.uploading = state;
    L.draw("tray");
    request.open("PUT", `upload/${L.views.bar.tab}?name=${encodeURIComponent(file.name)}`);
    request.send(file);
  });

  // Says on the screen why a file is not there.
  L.notTaken = (file, error) => {
    if (error.message !== "stopped") {
      L.problem = L.t(error.message === "full" ? "upload.full" : "upload.failed", { name: file.name });
      L.pulse();
    }
    L.draw("tray");
  };
})();
