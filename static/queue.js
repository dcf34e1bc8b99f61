/* Portico: the queue of requests. j and k go from one to the next, x selects, a approves, r writes the note. */
(() => {
  // Swapped beside the queue by htmx; which row it is of is marked here.
  addEventListener("click", (e) => {
    const wanted = e.target.closest("[data-look]")?.dataset.look;
    if (!wanted) return;
    for (const box of document.querySelectorAll("#queue [name=request][type=checkbox]")) {
      const row = box.closest("tr");
      row.removeAttribute("aria-current");
      box.removeAttribute("data-key");
      if (box.value !== wanted) continue;
      row.setAttribute("aria-current", "true");
      box.dataset.key = "x";
      row.scrollIntoView({ block: "nearest" });
    }
  });

  addEventListener("change", (e) => {
    if (!e.target.matches("[data-all]")) return;
    for (const box of e.target.form.querySelectorAll("tbody [type=checkbox]")) box.checked = e.target.checked;
  });
})();
