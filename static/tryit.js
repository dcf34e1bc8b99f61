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
  const region = () => document.getElementById("response");

  // The first part is the region itself, each further one an entry of its list.
  const show = (part, first) => {
    if (first) return void (region().outerHTML = part);
    const list = region()?.querySelector("[data-events]");
    list?.insertAdjacentHTML("beforeend", part);
    list?.lastElementChild.scrollIntoView({ block: "nearest" });
  };

  const read = async (response) => {
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let waiting = "", first = true;
    for (;;) {
      const { done, value } = await reader.read();
      const parts = (waiting + (value ?? "")).split("\x1e");
      waiting = parts.pop();
      for (const part of parts) { show(part, first); first = false; }
      if (done) break;
    }
    if (first) show(waiting, true);
  };

  addEventListener("submit", async (e) => {
    const form = e.target;
    if (!form.matches("form[data-live]")) return;
    e.preventDefault();
    if (running) return void running.abort();
    running = new AbortController();
    form.classList.add("running");
    try {
      const options = { method: "POST", body: new FormData(form), headers: { "X-Live": "1" }, signal: running.signal };
      await read(await fetch(form.dataset.live, options));
    } catch (error) {
      const end = error.name === "AbortError" ? "Stopped." : "The connection to the portal broke off.";
      show(`<li class="end">${end}</li>`, false);
    } finally {
      running = null;
      form.classList.remove("running");
    }
  });
})();
