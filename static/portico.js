/* Portico: what pages need beside theme.js. Every page works without this file. */
(() => {
  addEventListener("click", (e) => {
    e.target.closest("[data-dismiss]")?.closest(".toast, .flash")?.remove();
  });

  // A new key may stay in this tab's memory until it closes, so that copied snippets have it.
  addEventListener("click", (e) => {
    const el = e.target.closest("[data-hold]");
    if (!el) return;
    sessionStorage.setItem(el.dataset.hold, el.dataset.value);
    el.disabled = true;
    el.textContent = "Kept until this tab closes";
  });
  const sayHeld = () => {
    for (const el of document.querySelectorAll("[data-says-held]")) {
      const held = sessionStorage.getItem(el.dataset.saysHeld);
      if (held) el.textContent = `Copied with your key ${held.slice(0, 13)}••••`;
    }
  };
  addEventListener("DOMContentLoaded", sayHeld);
  document.addEventListener("htmx:after:swap", sayHeld);

  // A select or checkbox marked data-submit sends its form at once; without script its form has a button.
  addEventListener("change", (e) => {
    if (e.target.matches("[data-submit]")) e.target.form.requestSubmit();
  });
})();
