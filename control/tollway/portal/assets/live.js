// Live states: asks GET /api/status and puts what it says where a page has room for it. What is not said is unknown, never guessed.
//
// A page holds one element with `data-live` (the words, as JSON) and any of
//   data-live-model="name"   its state     data-live-rate="name"   its success rate     data-live-ttft="name"   its time to first token
//   data-live-gateway        the state     data-live-field="…"     ping, version, base_url, uptime, reachable, window, note
//   data-live-announce       a polite live region that is told of changes, not of the first look

const EVERY_MS = 15_000;
const PATIENCE_MS = 5_000;
const ANNOUNCED_MAX = 3;
const TONES = { up: "good", degraded: "warn", down: "bad" };

const holder = document.querySelector("[data-live]");
const words = JSON.parse(holder.dataset.live);
const language = document.documentElement.lang;
const number = new Intl.NumberFormat(language);
const percent = new Intl.NumberFormat(language, { style: "percent", maximumFractionDigits: 1 });
const known = new Map();
const changes = [];
let timer = 0;

const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);

function put(selector, text) {
  for (const element of document.querySelectorAll(selector)) {
    if (element.textContent !== text) element.textContent = text;
  }
}

/** A dot with its word, as components/badge.html draws it. */
function draw(element, state) {
  const tone = TONES[state] ?? "none";
  const dot = document.createElement("span");
  dot.className = `dot ${tone}`;
  const mark = document.createElement("i");
  mark.setAttribute("aria-hidden", "true");
  dot.append(mark, words[state] ?? words.unknown);
  element.replaceChildren(dot);
}

function show(elements, key, what, state) {
  const before = known.get(key);
  if (before === state) return;
  known.set(key, state);
  for (const element of elements) draw(element, state);
  if (before !== undefined) changes.push(fill(words.announce, { what, state: words[state] ?? words.unknown }));
}

/** One look's changes, said together: the gateway first, and not a list that nobody would hear to its end. */
function announce() {
  const region = document.querySelector("[data-live-announce]");
  if (region && changes.length) region.textContent = changes.slice(0, ANNOUNCED_MAX).join(", ");
  changes.length = 0;
}

/** 99.96 % is not 100 %: a rate is rounded down there, as the server does. */
function rate(share) {
  return percent.format(share > 0.999 ? Math.floor(share * 1000 + 1e-9) / 1000 : share);
}

function span(seconds) {
  const [d, h, m, s] = [Math.floor(seconds / 86400), Math.floor((seconds % 86400) / 3600), Math.floor((seconds % 3600) / 60), Math.floor(seconds % 60)];
  const name = d ? "days" : h ? "hours" : m ? "minutes" : "seconds";
  return fill(words[name], { d, h, m, s });
}

const named = (attribute) => {
  const found = new Map();
  for (const element of document.querySelectorAll(`[${attribute}]`)) {
    const name = element.getAttribute(attribute);
    found.set(name, [...(found.get(name) ?? []), element]);
  }
  return found;
};

function showModels(models) {
  const told = new Map(models.map((model) => [model.name, model]));
  for (const [name, elements] of named("data-live-model")) {
    show(elements, `model ${name}`, name, told.get(name)?.state ?? "unknown");
  }
  for (const [name, elements] of named("data-live-rate")) {
    const share = told.get(name)?.success_rate;
    for (const element of elements) element.textContent = share == null ? words.no_traffic : rate(share);
  }
  for (const [name, elements] of named("data-live-ttft")) {
    const ms = told.get(name)?.ttft_ms_p50;
    for (const element of elements) element.textContent = ms == null ? words.no_traffic : fill(words.ms, { ms: number.format(ms) });
  }
}

function showUnreachable() {
  show(document.querySelectorAll("[data-live-gateway]"), "gateway", holder.dataset.liveName ?? "", "down");
  for (const [name, elements] of named("data-live-model")) show(elements, `model ${name}`, name, "unknown");
  for (const attribute of ["data-live-rate", "data-live-ttft"]) put(`[${attribute}]`, words.unknown);
  for (const field of ["ping", "version", "uptime", "window"]) put(`[data-live-field="${field}"]`, words.unknown);
  put('[data-live-field="reachable"]', words.unreachable);
}

function showStatus(status, ms) {
  show(document.querySelectorAll("[data-live-gateway]"), "gateway", holder.dataset.liveName ?? "", status.status);
  showModels(status.models);
  put('[data-live-field="ping"]', fill(words.ms, { ms: number.format(ms) }));
  put('[data-live-field="version"]', status.version);
  put('[data-live-field="base_url"]', status.base_url);
  put('[data-live-field="uptime"]', span(status.uptime_seconds));
  put('[data-live-field="reachable"]', words.reachable);
  put('[data-live-field="note"]', status.draining ? words.draining : "");
  const window_s = status.models[0]?.window_seconds;
  put('[data-live-field="window"]', window_s ? fill(words.window, { minutes: number.format(Math.round(window_s / 60)) }) : "");
}

async function look() {
  clearTimeout(timer);
  const started = performance.now();
  try {
    const answer = await fetch("/api/status", { cache: "no-store", credentials: "omit", signal: AbortSignal.timeout(PATIENCE_MS) });
    const ms = Math.max(1, Math.round(performance.now() - started));
    // A gateway that is down says so with a 503 and the same body.
    const status = await answer.json();
    if (!Array.isArray(status.models)) throw new Error("not a status");
    showStatus(status, ms);
  } catch {
    showUnreachable();
  }
  announce();
  if (!document.hidden) timer = setTimeout(look, EVERY_MS);
}

document.addEventListener("visibilitychange", () => {
  if (document.hidden) clearTimeout(timer);
  else look();
});

look();
