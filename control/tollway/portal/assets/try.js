// "Try it": runs a block's own call from the page, with the model that its snippet shows, and puts the answer below it. All words come from the server.

import { CallError, send, stream } from "./call.js";

const { tryWords, tryExplained } = document.querySelector("[data-try-words]").dataset;
const words = JSON.parse(tryWords);
const whole = new Intl.NumberFormat(document.documentElement.lang, { maximumFractionDigits: 0 });
const number = new Intl.NumberFormat(document.documentElement.lang, { maximumSignificantDigits: 4 });
/** So many numbers of a vector are shown. */
const VECTOR_SHOWN = 8;
const fill = (text, values) => text.replace(/\{(\w+)\}/g, (all, name) => values[name] ?? all);

/** The running call of each block, to be stopped. */
const running = new Map();

function parts(block) {
  const panel = document.querySelector(`[data-try-panel="${block}"]`);
  const part = (name) => panel.querySelector(`[data-try-${name}]`);
  return { panel, state: part("state"), stop: part("stop"), answer: part("answer"), figures: part("figures") };
}

function sayState(dot, tone, text) {
  dot.className = `dot ${tone}`;
  dot.querySelector("span").textContent = text;
}

/** The model as the snippet shows it now. */
const modelOf = (button) => document.querySelector(`#${button.dataset.try} [data-model="${button.dataset.kind}"]`).textContent;

const ways = {
  async text({ path, body, signal, view }) {
    const got = await stream(path, body, {
      signal,
      onDelta: (piece, answer) => {
        if (answer.text === piece) sayState(view.state, "working", words.running);
        view.answer.append(piece);
      },
    });
    if (!got.text && !got.stopped) view.answer.textContent = words.nothing;
    return got;
  },
  async vector({ path, body, signal, view }) {
    const got = await send(path, { ...body, encoding_format: "float" }, { signal });
    const vector = got.json?.data?.[0]?.embedding ?? [];
    const numbers = vector.slice(0, VECTOR_SHOWN).map((value) => number.format(value)).join("  ");
    if (got.json) view.answer.textContent = `${fill(words.vector, { count: whole.format(vector.length) })}:  ${numbers}${vector.length > VECTOR_SHOWN ? "  …" : ""}`;
    return got;
  },
  async image({ path, body, signal, view }) {
    const got = await send(path, body, { signal });
    const image = got.json?.data?.[0] ?? {};
    if (image.b64_json) view.answer.replaceChildren(picture(image.b64_json));
    else if (image.url) view.answer.replaceChildren(link(image.url));
    else if (got.json) view.answer.textContent = words.nothing;
    return got;
  },
};

function picture(base64) {
  const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  const image = new Image();
  image.alt = words.picture;
  image.src = URL.createObjectURL(new Blob([bytes]));
  image.addEventListener("load", () => URL.revokeObjectURL(image.src), { once: true });
  return image;
}

/** A picture on another host is not loaded into this page; the reader may go there. */
function link(address) {
  const anchor = document.createElement("a");
  const safe = /^https?:\/\//i.test(address);
  anchor.textContent = words.address;
  if (safe) anchor.href = address;
  anchor.rel = "noreferrer noopener";
  anchor.target = "_blank";
  return anchor;
}

/** The way to the page that shows how this call's charge came about. */
function explained(requestId) {
  const anchor = document.createElement("a");
  anchor.href = tryExplained + encodeURIComponent(requestId);
  anchor.textContent = words.explained;
  return anchor;
}

function figures({ firstMs, totalMs, usage }, streamed) {
  const said = [];
  if (streamed && firstMs !== null) said.push(fill(words.first, { ms: whole.format(firstMs) }));
  if (totalMs !== null) said.push(fill(words.total, { ms: whole.format(totalMs) }));
  if (usage?.completion_tokens) said.push(fill(words.tokens, { input: whole.format(usage.prompt_tokens), output: whole.format(usage.completion_tokens) }));
  else if (usage?.prompt_tokens) said.push(fill(words.tokens_in, { input: whole.format(usage.prompt_tokens) }));
  return said.join(" · ");
}

/** What went wrong, in the page's language: what to do where we know, else the status and code that the errors below explain. */
function reason(error) {
  const known = words[error.code] ?? fill(words.said, { status: error.status, code: error.code });
  return error.retryAfterS ? `${known} ${fill(words.later, { seconds: whole.format(error.retryAfterS) })}` : known;
}

async function run(button) {
  const { try: block, way, path, body } = button.dataset;
  const view = parts(block);
  const control = new AbortController();
  running.set(block, control);
  button.setAttribute("aria-busy", "true");
  view.panel.hidden = view.stop.hidden = false;
  view.answer.replaceChildren();
  view.figures.textContent = "";
  sayState(view.state, "working", way === "text" ? words.waiting : words.working);
  try {
    const asked = { model: modelOf(button), ...JSON.parse(body) };
    const got = await ways[way]({ path, body: asked, signal: control.signal, view });
    sayState(view.state, got.stopped ? "" : "good", got.stopped ? words.stopped : words.done);
    view.figures.textContent = figures(got, way === "text");
    if (tryExplained && got.requestId) view.figures.append(" · ", explained(got.requestId));
  } catch (error) {
    if (!(error instanceof CallError)) throw error;
    sayState(view.state, "bad", words.failed);
    if (view.answer.textContent) view.figures.textContent = reason(error);
    else view.answer.textContent = reason(error);
  } finally {
    running.delete(block);
    view.stop.hidden = true;
    button.removeAttribute("aria-busy");
  }
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-try]");
  if (button && !running.has(button.dataset.try)) run(button);
  const stop = event.target.closest("[data-try-stop]");
  if (stop) running.get(stop.closest("[data-try-panel]").dataset.tryPanel)?.abort();
});

for (const button of document.querySelectorAll("[data-try]")) button.hidden = false;
