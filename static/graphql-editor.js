/* Portico: completes names of a GraphQL schema in a textarea[data-graphql]. Without it the textarea is a textarea. */
(() => {
  const known = new Map();
  const words = (url) => {
    if (!known.has(url)) known.set(url, fetch(url).then((r) => (r.ok ? r.json() : {})).catch(() => ({})));
    return known.get(url);
  };

  // What may stand at the end of this text: the fields of the type whose braces are open, or the arguments of a field.
  const candidates = (types, text) => {
    const stack = [];
    let root = "query", field = null, inner = 0, on = false;
    for (const [token] of text.replace(/"(?:[^"\\\n]|\\.)*"|#[^\n]*/g, "").matchAll(/[A-Za-z_]\w*|[(){}]|\.\.\./g)) {
      if (token === "(") inner += 1;
      else if (token === ")") inner -= 1;
      else if (inner) continue;
      else if (token === "{") { stack.push(field ?? [root, []]); field = null; }
      else if (token === "}") { stack.pop(); field = null; }
      else if (token === "...") on = false;
      else if (token === "on") on = true;
      else if (on) { field = [token, []]; on = false; }
      else if (!stack.length) { if (["query", "mutation", "subscription"].includes(token)) root = token; }
      else field = types[stack.at(-1)[0]]?.[token] ?? ["", []];
    }
    if (inner > 0) return stack.length ? (field?.[1] ?? []) : [];
    return stack.length ? Object.keys(types[stack.at(-1)[0]] ?? {}) : ["query", "mutation", "subscription"];
  };

  let box = null, area = null, at = 0;
  const close = () => {
    box?.remove();
    area?.removeAttribute("aria-activedescendant");
    box = null;
  };
  const begun = (el) => /[A-Za-z_]\w*$/.exec(el.value.slice(0, el.selectionStart))?.[0] ?? "";
  const mark = (to) => {
    at = (to + box.children.length) % box.children.length;
    [...box.children].forEach((item, n) => item.setAttribute("aria-selected", n === at));
    box.children[at].scrollIntoView({ block: "nearest" });
    area.setAttribute("aria-activedescendant", box.children[at].id);
  };
  const take = () => {
    const end = area.selectionStart;
    area.setRangeText(box.children[at].textContent, end - begun(area).length, end, "end");
    close();
  };

  const open = async (el, prefix) => {
    const types = await words(el.dataset.graphql);
    if (el !== document.activeElement || begun(el) !== prefix) return;
    close();
    const before = el.value.slice(0, el.selectionStart - prefix.length);
    const found = candidates(types, before).filter((name) => name.startsWith(prefix) && name !== prefix).sort().slice(0, 50);
    if (!found.length) return;
    area = el;
    box = document.createElement("ul");
    box.className = "completions";
    box.role = "listbox";
    box.ariaLabel = "Names of the schema";
    found.forEach((name, n) => {
      const item = box.appendChild(document.createElement("li"));
      Object.assign(item, { id: `completion-${n}`, role: "option", textContent: name });
      item.addEventListener("mousedown", (e) => { e.preventDefault(); mark(n); take(); });
    });
    el.after(box);
    mark(0);
  };

  addEventListener("input", (e) => {
    if (!e.target.matches?.("textarea[data-graphql]")) return;
    const prefix = begun(e.target);
    if (prefix) open(e.target, prefix);
    else close();
  });
  addEventListener("keydown", (e) => {
    if (!e.target.matches?.("textarea[data-graphql]")) return;
    if (e.ctrlKey && e.key === " ") {
      e.preventDefault();
      open(e.target, begun(e.target));
    } else if (box) {
      const act = { ArrowDown: () => mark(at + 1), ArrowUp: () => mark(at - 1), Tab: take, Enter: take, Escape: close }[e.key];
      if (!act || e.isComposing) return;
      e.preventDefault();
      act();
    }
  });
  addEventListener("focusout", (e) => e.target === area && close());
})();
