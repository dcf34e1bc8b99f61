/* Portico: what pages need beside theme.js. Every page works without this file. */
(() => {
  addEventListener("click", (e) => {
    e.target.closest("[data-dismiss]")?.closest(".toast, .flash")?.remove();
  });

  // A select or checkbox marked data-submit sends its form at once; without script its form has a button.
  addEventListener("change", (e) => {
    if (e.target.matches("[data-submit]")) e.target.form.requestSubmit();
  });
})();
