// The documentation page: a model tag changes every snippet and the address without loading the page again, and the list beside the page follows the
// scroll. Without this script the tags are links and the list is a list.

import "./frame.js";

const tags = [...document.querySelectorAll("[data-pick]")];
/** Kind → the model that was chosen, in the order of choosing. What was not chosen is not in the address. */
const picked = new Map(tags.filter((tag) => "picked" in tag.dataset).map((tag) => [tag.dataset.pick, tag.dataset.name]));
/** Kind → what is shown without a choice: the first of its row. */
const first = new Map([...tags].reverse().map((tag) => [tag.dataset.pick, tag.dataset.name]));

function address(choices) {
  const url = new URL(location.href);
  url.searchParams.delete("model");
  for (const name of choices.values()) url.searchParams.append("model", name);
  return url;
}

/** Puts the chosen models where they stand: snippets, tags, and the links that lead back to this page. */
function show() {
  for (const kind of new Set(tags.map((tag) => tag.dataset.pick))) {
    const name = picked.get(kind) ?? first.get(kind);
    for (const place of document.querySelectorAll(`[data-model="${kind}"]`)) place.textContent = name;
  }
  for (const tag of tags) {
    const { pick, name } = tag.dataset;
    tag.toggleAttribute("data-picked", picked.get(pick) === name);
    if ((picked.get(pick) ?? first.get(pick)) === name) tag.setAttribute("aria-current", "true");
    else tag.removeAttribute("aria-current");
    tag.href = address(new Map([...picked, [pick, name]])).search;
  }
  for (const link of document.querySelectorAll("a[hreflang]")) {
    const url = new URL(link.href);
    url.searchParams.delete("model");
    for (const name of picked.values()) url.searchParams.append("model", name);
    link.href = url.href;
  }
}

document.addEventListener("click", (event) => {
  const tag = event.target.closest("[data-pick]");
  if (!tag || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  if (picked.get(tag.dataset.pick) === tag.dataset.name) return;
  picked.set(tag.dataset.pick, tag.dataset.name);
  history.pushState(null, "", address(picked));
  show();
});

window.addEventListener("popstate", () => {
  const asked = new URL(location.href).searchParams.getAll("model");
  picked.clear();
  for (const name of asked) {
    const tag = tags.find((one) => one.dataset.name === name);
    if (tag) picked.set(tag.dataset.pick, name);
  }
  show();
});

const entries = new Map([...document.querySelectorAll("[data-toc] a")].map((link) => [link.hash.slice(1), link]));
const sections = [...entries.keys()].map((id) => document.getElementById(id)).filter(Boolean);
const seen = new Set();

/** Marks the first section that is in the upper part of the window. Between two, the last one stays marked. */
function mark() {
  const current = sections.find((section) => seen.has(section));
  if (!current) return;
  for (const [id, link] of entries) {
    if (id === current.id) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
}

const watcher = new IntersectionObserver(
  (changes) => {
    for (const { target, isIntersecting } of changes) {
      if (isIntersecting) seen.add(target);
      else seen.delete(target);
    }
    mark();
  },
  { rootMargin: "-32px 0px -65% 0px" },
);
for (const section of sections) watcher.observe(section);
