// Live health of the gateway and its models, measured from this browser. Looks every 15 s while the tab is visible; what could not be measured is said
// to be unknown, never guessed. All words come from the server, in `data-words`.

const LOOK_MS = 15_000;
const WAIT_MS = 5_000;
const TONES = { up: "good", degraded: "warn", down: "bad" };

const section = document.querySelector("[data-health]");
const words = JSON.parse(section.dataset.words);
const rowsMax = Number(section.dataset.rowsMax);
const language = document.documentElement.lang;
const whole = new Intl.NumberFormat(language, { maximumFractionDigits: 0 });
const tenths = new Intl.NumberFormat(language, { style: "percent", maximumFractionDigits: 1 });
const part = (name) => section.querySelector(`[data-${name}]`);
const models = part("health-models");

const fill = (text, values) => text.replace(/\{(\w+)\}/g, (all, name) => values[name] ?? all);

/** Changes what is shown only where it differs: nothing flickers, and nothing moves. */
function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function sayState(dot, state) {
  const known = state in words && (state in TONES || state === "checking") ? state : "unknown";
  dot.className = `dot ${TONES[known] ?? ""}`.trim();
  say(dot.querySelector("span"), words[known]);
  return known;
}

/** 99.96 % is not 100 %: above 99.9 it is rounded down, as the server does. */
function percent(share) {
  return tenths.format(share > 0.999 ? Math.floor(share * 1000 + 1e-9) / 1000 : share);
}

function uptime(seconds) {
  const [d, h, m, s] = [Math.floor(seconds / 86_400), Math.floor(seconds / 3_600) % 24, Math.floor(seconds / 60) % 60, Math.floor(seconds % 60)];
  const form = d ? words.days : h ? words.hours : m ? words.minutes : words.seconds;
  return fill(form, { d: whole.format(d), h, m, s });
}

async function get(path) {
  const started = performance.now();
  const answer = await fetch(path, { cache: "no-store", credentials: "omit", signal: AbortSignal.timeout(WAIT_MS) });
  return { answer, tookMs: performance.now() - started };
}

/** The time of one small answer from the base URL's host; null when none came. */
async function ping() {
  try {
    const { answer, tookMs } = await get(section.dataset.ping);
    return answer.ok ? tookMs : null;
  } catch {
    return null;
  }
}

async function status() {
  try {
    const { answer } = await get(section.dataset.status);
    return answer.ok ? await answer.json() : null;
  } catch {
    return null;
  }
}

/** What is known of the gateway: its own word; down when nothing answers although this browser is online; otherwise unknown. */
function stateOf(pingMs, told) {
  if (told) return told.status;
  return pingMs === null && navigator.onLine ? "down" : "unknown";
}

const said = new Map();
/** Remembers a state. Returns the sentence about it when it changed after it was known. */
function change(what, state) {
  const before = said.get(what);
  said.set(what, state);
  return before !== undefined && before !== state ? fill(words.announce, { what, state: words[state] }) : "";
}

function showGateway(pingMs, told) {
  const state = sayState(part("gateway"), stateOf(pingMs, told));
  say(part("gateway-ping"), pingMs === null ? "" : fill(words.ping, { ms: whole.format(Math.max(1, pingMs)) }));
  say(part("gateway-version"), told?.version ?? words.unknown);
  if (told?.base_url) say(part("gateway-url"), told.base_url);
  say(part("gateway-uptime"), told ? uptime(told.uptime_seconds) : words.unknown);
  const endpoint = part("gateway-endpoint");
  say(endpoint, told ? words.reachable : words.unreachable);
  endpoint.className = told ? "dot good" : "dot bad";
  if (told?.models?.length) say(part("health-window"), fill(words.window, { minutes: whole.format(told.models[0].window_seconds / 60) }));
  return change(words.gateway, state);
}

function rowOf(name) {
  const known = models.querySelector(`[data-model-row="${CSS.escape(name)}"]`);
  if (known) return known;
  const row = part("health-row").content.firstElementChild.cloneNode(true);
  row.dataset.modelRow = name;
  say(row.querySelector("[data-cell=name]"), name);
  return row;
}

/** The models to show, by name; when there are too many, those with trouble go before the others. */
function chosen(all) {
  const ill = (model) => (model.state === "down" ? 0 : model.state === "degraded" ? 1 : 2);
  const kept = new Set([...all].sort((a, b) => ill(a) - ill(b)).slice(0, rowsMax));
  return all.filter((model) => kept.has(model));
}

function showModels(told) {
  if (!told) {
    // The figures of before are no figures of now.
    for (const row of models.querySelectorAll("[data-model-row]")) showModel(row, { state: "unknown" }, "");
    return [];
  }
  const shown = chosen(told.models);
  const rows = shown.map((model) => rowOf(model.name));
  const changes = shown.map((model, n) => change(model.name, showModel(rows[n], model, words.quiet)));
  if (rows.length === 0) rows.push(emptyRow());
  if (rows.length !== models.children.length || rows.some((row, n) => models.children[n] !== row)) models.replaceChildren(...rows);
  const more = part("health-more");
  more.hidden = told.models.length <= shown.length;
  say(more.firstElementChild, fill(words.more, { count: whole.format(told.models.length - shown.length) }));
  return changes;
}

function showModel(row, model, nothing) {
  const rate = model.success_rate;
  const ttft = model.ttft_ms_p50;
  say(row.querySelector("[data-cell=success]"), typeof rate === "number" ? percent(rate) : nothing);
  say(row.querySelector("[data-cell=ttft]"), typeof ttft === "number" ? `${whole.format(ttft)} ms` : nothing);
  return sayState(row.querySelector("[data-cell=state]"), model.state);
}

function emptyRow() {
  const row = document.createElement("tr");
  const cell = row.insertCell();
  cell.colSpan = 4;
  cell.className = "muted";
  cell.textContent = words.empty;
  return row;
}

let timer = 0;
let looking = false;

async function look() {
  if (looking) return;
  looking = true;
  clearTimeout(timer);
  try {
    const [pingMs, told] = [await ping(), await status()];
    const news = [showGateway(pingMs, told), ...showModels(told)].filter(Boolean);
    if (news.length) say(part("health-said"), news.join(" "));
  } finally {
    looking = false;
    if (!document.hidden) timer = setTimeout(look, LOOK_MS);
  }
}

document.addEventListener("visibilitychange", () => {
  clearTimeout(timer);
  if (!document.hidden) look();
});
window.addEventListener("online", look);
window.addEventListener("offline", look);
if (!document.hidden) look();
