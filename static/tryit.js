/* Portico: trying an operation. A key that is kept in this tab fills itself in, and answers that go on are read as they come. */
(() => {
  // The key of the chosen environment, as portico.js keeps it; what somebody typed stays.
  const fill = () => {
    for (const key of document.querySelectorAll("input[data-key]")) {
      const environment = key.form.elements.environment?.value;
      if (key.value && key.value !== key.dataset.filled) continue;
      key.value = key.dataset.filled = sessionStorage.getItem(`key ${environment}`) ?? "";
    }
  };
  addEventListener("DOMContentLoaded", fill);
  document.addEventListener("htmx:after:swap", fill);
  addEventListener("change", (e) => e.target.name === "environment" && fill());

  let running = null;
  let begun = false; // whether something of the answer is on the page
  const region = () => document.getElementById("response");
  const append = (part) => {
    const list = region()?.querySelector("[data-events]");
    list?.insertAdjacentHTML("beforeend", part);
    list?.lastElementChild.scrollIntoView({ block: "nearest" });
  };

  // The first part is the region itself, each further one an entry of its list.
  const show = (part) => {
    if (begun) return append(part);
    const made = new DOMParser().parseFromString(part, "text/html").getElementById("response");
    if (!made) return say("The portal did not take it. Load this page again, and send it once more.");
    region().replaceWith(made);
    begun = true;
  };
  const say = (text) => {
    if (begun) return append(`<li class="end">${text}</li>`);
    region().innerHTML = `<p class="say">${text}</p>`;
  };

  const read = async (response) => {
    // Signed out meanwhile: the page of signing in leads back here.
    if (response.redirected) return location.assign(response.url);
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let waiting = "";
    for (;;) {
      const { done, value } = await reader.read();
      const parts = (waiting + (value ?? "")).split("\x1e");
      waiting = parts.pop();
      parts.forEach(show);
      if (done) break;
    }
    if (!begun) show(waiting);
  };

  addEventListener("submit", async (e) => {
    const form = e.target;
    if (!form.matches("form[data-live]")) return;
    e.preventDefault();
    if (running) return void running.abort();
    running = new AbortController();
    begun = false;
    form.classList.add("running");
    try {
      const options = { method: "POST", body: new FormData(form), headers: { "X-Live": "1" }, signal: running.signal };
      await read(await fetch(form.dataset.live, options));
    } catch (error) {
      say(error.name === "AbortError" ? "Stopped." : "The connection to the portal broke off.");
    } finally {
      running = null;
      form.classList.remove("running");
    }
  });
})();
