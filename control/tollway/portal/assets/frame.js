// What every page may use: copy buttons, tabs that remember, selects that submit, toasts. Pages work without it.

document.documentElement.dataset.script = "";

const toasts = document.getElementById("toasts");
const TOAST_MS = 4000;
const COPIED_MS = 2000;

/** Says something for a while, politely to screen readers. */
export function toast(text, kind = "") {
  const box = document.createElement("div");
  box.className = `toast ${kind}`;
  box.textContent = text;
  toasts.append(box);
  setTimeout(() => box.remove(), TOAST_MS);
}

/** The text a copy button stands for: its own, or that of the element it names. */
function textOf(button) {
  if (button.dataset.copy !== undefined) return button.dataset.copy;
  const source = document.getElementById(button.dataset.copyFrom);
  return source.value ?? source.textContent;
}

async function copy(button) {
  try {
    await navigator.clipboard.writeText(textOf(button).replace(/\n$/, ""));
  } catch {
    toast(toasts.dataset.copyFailed, "bad");
    return;
  }
  toast(toasts.dataset.copied.replace("{what}", button.dataset.copyName ?? ""));
  button.classList.add("copied");
  setTimeout(() => button.classList.remove("copied"), COPIED_MS);
}

/** Shows one panel of a tab list. All lists with the same data-remember follow, and the choice is kept. */
function choose(tab, focus = false) {
  const list = tab.closest("[role=tablist]");
  for (const other of list.querySelectorAll("[role=tab]")) {
    const chosen = other === tab;
    other.setAttribute("aria-selected", String(chosen));
    other.tabIndex = chosen ? 0 : -1;
    document.getElementById(other.getAttribute("aria-controls")).hidden = !chosen;
  }
  if (focus) tab.focus();
}

function remember(tab) {
  const list = tab.closest("[role=tablist]");
  const name = list.dataset.remember;
  if (!name) return;
  localStorage.setItem(`tollway-${name}`, tab.dataset.tab);
  followAll(name, tab.dataset.tab, list);
}

function followAll(name, value, except) {
  for (const list of document.querySelectorAll(`[role=tablist][data-remember="${name}"]`)) {
    const tab = list.querySelector(`[role=tab][data-tab="${CSS.escape(value)}"]`);
    if (list !== except && tab) choose(tab);
  }
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-copy], [data-copy-from]");
  if (button) copy(button);
  const tab = event.target.closest("[role=tab]");
  if (tab) {
    choose(tab);
    remember(tab);
  }
  const opener = event.target.closest("[data-opens]");
  if (opener) document.getElementById(opener.dataset.opens).showModal();
  if (event.target.closest("[data-closes]")) event.target.closest("dialog").close();
});

document.addEventListener("keydown", (event) => {
  const tab = event.target.closest?.("[role=tab]");
  if (!tab) return;
  const tabs = [...tab.closest("[role=tablist]").querySelectorAll("[role=tab]")];
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  const next = { Home: tabs[0], End: tabs.at(-1) }[event.key] ?? (step && tabs.at((tabs.indexOf(tab) + step) % tabs.length));
  if (!next) return;
  event.preventDefault();
  choose(next, true);
  remember(next);
});

document.addEventListener("change", (event) => {
  if (event.target.matches("[data-submits]")) event.target.form.requestSubmit();
});

document.addEventListener("submit", (event) => {
  const button = event.submitter;
  if (button?.matches(".button")) queueMicrotask(() => button.setAttribute("aria-busy", "true"));
});

for (const name of new Set([...document.querySelectorAll("[role=tablist][data-remember]")].map((list) => list.dataset.remember))) {
  const kept = localStorage.getItem(`tollway-${name}`);
  if (kept) followAll(name, kept, null);
}
