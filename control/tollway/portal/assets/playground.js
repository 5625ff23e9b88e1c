// The playground: a conversation in this module's memory, sent whole with each message. All that people or models wrote goes into
// the page as text. All words of ours come from the server (data-play).

import { CallError, stream } from "./call.js";

const root = document.querySelector("[data-play]");
const words = JSON.parse(root.dataset.play);
const language = document.documentElement.lang;
const number = new Intl.NumberFormat(language, { maximumFractionDigits: 0 });
const part = (name) => document.querySelector(`[data-play-${name}]`);
const field = (name) => document.getElementById(`play-${name}`);
const fill = (text, values) => text.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);

const MESSAGES_MAX = Number(root.dataset.messagesMax);
/** A settled request shows within 2 s of its end; so long is its charge asked for. */
const CHARGE_TRIES = 5;
const CHARGE_EVERY_MS = 600;
/** Who reads further up is not pulled down. */
const NEAR_BOTTOM_PX = 160;

const PATH = "/v1/chat/completions";
/** What is sent: {role, content}. A message whose answer failed stays the last one, to be tried again. */
let messages = [];
let running = null;

function say(text) {
  part("said").textContent = text;
}

function element(name, className, text = "") {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.textContent = text;
  return made;
}

// What is asked -------------------------------------------------------------------------------------------------------------------

/** The number in a field: undefined when empty, null (and marked) when it is none that the field allows. */
function numberIn(input) {
  input.removeAttribute("aria-invalid");
  if (input.value.trim() === "" && !input.validity.badInput) return undefined;
  if (!input.validity.valid && !input.validity.stepMismatch) {
    input.setAttribute("aria-invalid", "true");
    return null;
  }
  return input.valueAsNumber;
}

/** The body of the next call, or null when a setting is wrong. */
function bodyOf(conversation) {
  const body = { model: field("model").value, messages: conversation };
  if (field("system").value.trim()) body.messages = [{ role: "system", content: field("system").value }, ...conversation];
  for (const [input, name] of [[field("temperature"), "temperature"], [field("tokens"), "max_tokens"]]) {
    const value = numberIn(input);
    if (value === null) {
      say(fill(words.bad_number, { least: input.min, most: number.format(input.max) }));
      input.focus();
      return null;
    }
    if (value !== undefined) body[name] = value;
  }
  return body;
}

/** The same call for a shell: what is written now included. */
function showCurl() {
  const text = field("text").value.trim();
  const conversation = text ? [...messages, { role: "user", content: text }] : messages;
  const body = { model: field("model").value, messages: conversation, stream: true };
  if (field("system").value.trim()) body.messages = [{ role: "system", content: field("system").value }, ...conversation];
  if (field("temperature").value) body.temperature = field("temperature").valueAsNumber;
  if (field("tokens").value) body.max_tokens = field("tokens").valueAsNumber;
  const json = JSON.stringify(body, null, 2).replaceAll("'", "'\\''");
  field("curl").textContent = [
    `curl -N ${root.dataset.baseUrl}/chat/completions \\`,
    '  -H "Authorization: Bearer $YOUR_API_KEY" \\',
    '  -H "Content-Type: application/json" \\',
    `  -d '${json}'`,
  ].join("\n");
}

// What is shown -------------------------------------------------------------------------------------------------------------------

function follow(act) {
  const near = window.innerHeight + window.scrollY > document.documentElement.scrollHeight - NEAR_BOTTOM_PX;
  act();
  if (near) window.scrollTo({ top: document.documentElement.scrollHeight });
}

function addMessage(who, text, own) {
  const item = element("li", own ? "play-message own" : "play-message");
  const body = element("div", "play-text", text);
  item.append(element("div", "play-who", who), body);
  follow(() => part("messages").append(item));
  part("hello").hidden = true;
  return { item, body };
}

function thoughtOf(view) {
  if (!view.thought) {
    const box = element("details", "play-thought");
    view.thought = element("div", "play-text");
    box.append(element("summary", "", "…"), view.thought);
    view.body.before(box);
  }
  return view.thought;
}

/** What a decimal string of USD is in this language, exactly. */
function money(usd) {
  const places = Math.max(2, (usd.split(".")[1] ?? "").length);
  return new Intl.NumberFormat(language, { style: "currency", currency: "USD", minimumFractionDigits: places, maximumFractionDigits: places }).format(usd);
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** The charge as the ledger has it, or null when it does not show in time. */
async function chargeOf(requestId) {
  const address = `/api/usage/${encodeURIComponent(requestId)}?account_id=${encodeURIComponent(root.dataset.callAccount)}`;
  for (let tries = 0; tries < CHARGE_TRIES; tries += 1) {
    await pause(CHARGE_EVERY_MS);
    try {
      const answer = await fetch(address, { cache: "no-store" });
      if (answer.ok) return (await answer.json()).charge;
      if (answer.status !== 404) return null;
    } catch {
      return null;
    }
  }
  return null;
}

async function addFoot(view, answer) {
  const foot = element("div", "play-foot");
  const parts = [];
  if (answer.usage) parts.push(fill(words.tokens, { input: number.format(answer.usage.prompt_tokens ?? 0), output: number.format(answer.usage.completion_tokens ?? 0) }));
  if (answer.firstMs !== null) parts.push(fill(words.first, { ms: number.format(answer.firstMs) }));
  if (answer.totalMs !== null) parts.push(fill(words.total, { ms: number.format(answer.totalMs) }));
  foot.append(element("span", "", parts.join(" · ")));
  if (answer.text) {
    const copy = element("button", "button quiet copy", words.copy);
    copy.type = "button";
    copy.dataset.copy = answer.text;
    copy.dataset.copyName = field("model").value;
    foot.append(copy);
  }
  follow(() => view.item.append(foot));
  if (!answer.requestId) return;
  const cost = await chargeOf(answer.requestId);
  const link = element("a", "", words.explain);
  link.href = `/usage/${encodeURIComponent(answer.requestId)}`;
  foot.firstChild.after(element("span", "", cost === null ? words.cost_later : fill(words.cost, { amount: money(cost) })), link);
}

function reasonOf(error) {
  const known = words[`fault_${error.code}`];
  const text = known ?? fill(words.said, { status: error.status || "–", code: error.code, message: error.message });
  return error.retryAfterS ? `${text} ${fill(words.later, { seconds: number.format(error.retryAfterS) })}` : text;
}

function link(text, path) {
  const made = element("a", "button quiet", text);
  made.href = path;
  return made;
}

function showFault(view, error) {
  const box = element("div", "play-fault");
  box.setAttribute("role", "alert");
  box.append(element("div", "", reasonOf(error)));
  if (error.requestId) box.append(element("div", "hint mono", fill(words.request, { id: error.requestId })));
  const row = element("div", "row");
  if (error.code === "insufficient_balance") row.append(link(words.wallet, "/wallet"));
  if (error.code === "signed_out") row.append(link(words.sign_in, `/sign-in?next=${encodeURIComponent("/playground")}`));
  const again = element("button", "button quiet", words.again);
  again.type = "button";
  again.addEventListener("click", () => {
    if (running) return;
    view.item.remove();
    ask();
  });
  row.append(again);
  box.append(row);
  follow(() => view.item.append(box));
  say(words.failed);
}

// What happens --------------------------------------------------------------------------------------------------------------------

function setRunning(control) {
  running = control;
  part("stop").hidden = control === null;
  part("send").hidden = control !== null;
  field("model").disabled = control !== null;
}

function endOf(answer) {
  if (answer.stopped) return words.stopped;
  if (answer.finishReason === "length") return words.capped;
  return answer.text ? words.done : words.empty;
}

/** Sends the conversation, whose last message is the person's, and shows the answer as it comes. */
async function ask() {
  const body = bodyOf(messages);
  if (!body) return;
  const asked = messages;
  const control = new AbortController();
  setRunning(control);
  say(words.waiting);
  const view = addMessage(body.model, "", false);
  view.item.setAttribute("aria-busy", "true");
  const onDelta = (piece, answer) => {
    if (answer.text === piece) say(words.running);
    follow(() => {
      if (answer.reasoning) thoughtOf(view).textContent = answer.reasoning;
      view.body.append(piece);
    });
  };
  try {
    const answer = await stream(PATH, body, { onDelta, signal: control.signal });
    // Cleared meanwhile: the answer belongs to nothing any more.
    if (messages !== asked) return;
    if (answer.text) messages = [...messages, { role: "assistant", content: answer.text }];
    say(endOf(answer));
    addFoot(view, answer);
  } catch (error) {
    if (!(error instanceof CallError)) throw error;
    if (messages === asked) showFault(view, error);
  } finally {
    view.item.removeAttribute("aria-busy");
    setRunning(null);
    showCurl();
  }
}

function send() {
  const text = field("text").value.trim();
  if (running || !text) return;
  if (messages.length >= MESSAGES_MAX) {
    say(fill(words.too_long, { count: number.format(messages.length) }));
    return;
  }
  // A message that has no answer is asked again together with the new one: roles take turns.
  if (!bodyOf(messages)) return;
  const last = messages.at(-1);
  messages = last?.role === "user" ? [...messages.slice(0, -1), { role: "user", content: `${last.content}\n\n${text}` }] : [...messages, { role: "user", content: text }];
  addMessage(words.you, text, true);
  field("text").value = "";
  ask();
}

function clear() {
  running?.abort();
  messages = [];
  part("messages").replaceChildren();
  part("hello").hidden = false;
  say(words.cleared);
  showCurl();
  field("text").focus();
}

part("form").addEventListener("submit", (event) => {
  event.preventDefault();
  // The frame would mark the button busy until the next page, and here none comes.
  event.stopPropagation();
  send();
});
field("text").addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
  event.preventDefault();
  send();
});
part("stop").addEventListener("click", () => running?.abort());
part("clear").addEventListener("click", clear);
field("model").addEventListener("change", () => {
  const name = field("model").value;
  const address = new URL(location.href);
  address.searchParams.set("model", name);
  history.replaceState(null, "", address);
  part("model-link").href = `/models/${name.split("/").map(encodeURIComponent).join("/")}`;
});
// On a phone the conversation comes first.
if (matchMedia("(max-width: 899px)").matches) part("more").open = false;
root.addEventListener("input", showCurl);
root.addEventListener("change", showCurl);
showCurl();
