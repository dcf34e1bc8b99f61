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

  // On a narrow page the current tab may stand out of sight.
  const tab = document.querySelector(".tabs [aria-current]");
  if (tab) tab.closest(".tabs").scrollLeft = tab.offsetLeft - innerWidth / 3;

  // An operation changes in its place: the list beside it stays, and says where its reader is.
  document.addEventListener("htmx:after:swap", () => {
    const slug = document.getElementById("operation")?.dataset.slug;
    for (const el of slug ? document.querySelectorAll("#op-list li a") : []) {
      el.ariaCurrent = el.pathname.endsWith(`/${slug}/`) ? "page" : null;
    }
  });

  // A select or checkbox marked data-submit sends its form at once; without script its form has a button.
  addEventListener("change", (e) => {
    if (e.target.matches("[data-submit]")) e.target.form.requestSubmit();
  });

  // Back, pressed once more while a page is coming, before htmx hears of it: it changed the address alone.
  addEventListener("DOMContentLoaded", () => {
    const page = (url) => url.split("#")[0];
    if (page(performance.getEntriesByType("navigation")[0].name) !== page(location.href)) location.reload();
  });

  const palette = document.getElementById("palette");

  // Keys. One without Ctrl or Cmd can be turned off (WCAG 2.1.4), and never takes a letter from a field.
  const showDialog = (name) => document.querySelector(`a[data-dialog="${name}"]`)?.click();
  const typing = (el) => el.closest("textarea, select, [contenteditable], input:not([type=checkbox], [type=radio])");
  const enter = (box) => {
    box?.focus();
    box?.select();
  };
  let gone = 0; // when g was pressed: the next key says where to go
  const plainKey = (e) => {
    if (e.key === "/") {
      const box = [...document.querySelectorAll("main [type=search]")].find((el) => el.checkVisibility());
      box ? enter(box) : showDialog("palette");
      return true;
    }
    if (e.key === "?") return showDialog("shortcuts"), true;
    const place = Date.now() - gone < 1500 && document.querySelector(`[data-go="${CSS.escape(e.key)}"]`);
    gone = e.key === "g" ? Date.now() : 0;
    if (place) return location.assign(place.href), true;
    // What a page has a key of its own for: a field is entered, all else pressed.
    const own = document.querySelector(`main [data-key="${CSS.escape(e.key)}"]`);
    own?.matches("textarea") ? enter(own) : own?.click();
    return own;
  };
  addEventListener("keydown", (e) => {
    if (e.defaultPrevented || e.isComposing) return;
    if ((e.metaKey || e.ctrlKey) && !e.altKey && e.key.toLowerCase() === "k") {
      e.preventDefault();
      palette ? showDialog("palette") : enter(document.querySelector("main [type=search]"));
    } else if (e.metaKey || e.ctrlKey || e.altKey || e.repeat || localStorage.getItem("keys") === "off") {
      return;
    } else if (!typing(e.target) && !document.querySelector("dialog[open]") && plainKey(e)) {
      e.preventDefault();
    }
  });
  const sayKeys = () => {
    for (const el of document.querySelectorAll("[data-keys]")) el.checked = localStorage.getItem("keys") !== "off";
  };
  addEventListener("DOMContentLoaded", sayKeys);
  addEventListener("change", (e) => {
    if (!e.target.matches("[data-keys]")) return;
    e.target.checked ? localStorage.removeItem("keys") : localStorage.setItem("keys", "off");
    sayKeys();
  });

  // The palette: its field keeps the focus, the arrows choose among what was found, Enter opens that.
  const field = palette?.querySelector("input");
  const options = () => [...palette.querySelectorAll("[role=option]")];
  const choose = (chosen) => {
    for (const el of options()) el.setAttribute("aria-selected", el === chosen);
    chosen ? field.setAttribute("aria-activedescendant", chosen.id) : field.removeAttribute("aria-activedescendant");
    field.setAttribute("aria-expanded", options().length > 0);
    chosen?.scrollIntoView({ block: "nearest" });
  };
  // What was found for fewer letters is not opened by an Enter that follows more of them: that asks for the page.
  field?.addEventListener("input", () => choose(null));
  document.addEventListener("htmx:after:swap", () => {
    if (!palette?.open) return;
    const text = field.value.trim().replace(/\s+/g, " ");
    const answered = palette.querySelector("[data-text]")?.dataset.text === text; // else what was typed before
    choose(text && answered ? options()[0] : null);
  });
  field?.addEventListener("keydown", (e) => {
    const all = options();
    const at = all.findIndex((el) => el.ariaSelected === "true");
    const to = { ArrowDown: at + 1, ArrowUp: at < 0 ? all.length - 1 : at - 1 }[e.key];
    if (to !== undefined) {
      e.preventDefault();
      choose(all.at(to % all.length));
    } else if (e.key === "Enter" && at >= 0) {
      e.preventDefault();
      const { ctrlKey, metaKey, shiftKey } = e;
      all[at].dispatchEvent(new MouseEvent("click", { bubbles: true, cancelable: true, ctrlKey, metaKey, shiftKey }));
    }
  });
  palette?.addEventListener("click", (e) => e.target.closest("button[role=option]") && palette.close());
})();
