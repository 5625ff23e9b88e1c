// Calls to the gateway from a page: with a short-lived key minted for the signed-in session, which is kept in this module's memory
// and nowhere else: not in the page, not in storage, not in an address. What the page says of it all is the page's matter: no language here.
//
//   stream(path, body, {onDelta, onEvent, signal}) → Answer   one SSE answer, piece by piece
//   send(path, body, {signal}) → Answer with `json`           one whole answer
//
// An Answer: {text, reasoning, finishReason, usage, requestId, status, firstMs, totalMs, stopped, json}. `stopped`: the caller's signal ended it;
// what had come is in it. Anything else that goes wrong is a CallError, with what had come as `partial`.

const MINT_PATH = "/api/session/key";
/** A key this close to its end is not used any more. */
const MARGIN_MS = 20_000;
/** A stream that is silent for so long is given up. */
const SILENCE_MS = 120_000;
/** One event of a stream may be so large; more is no event of a model. */
const EVENT_CHARS_MAX = 8 * 1024 * 1024;

/** Why a call did not work. `code`: the gateway's own, or signed_out, unreachable, stalled, cut, not_json. `retryAfterS` when it was said. */
export class CallError extends Error {
  constructor(code, { message = "", status = 0, requestId = "", retryAfterS = null, partial = null } = {}) {
    super(message || code);
    Object.assign(this, { name: "CallError", code, status, requestId, retryAfterS, partial });
  }
}

let key = null;
let minting = null;

/** The next call mints a new key: after a change of account, for example. */
export function forget() {
  key = null;
  minting = null;
}

/** The account that pays: the page names it on any element; without it, the session's own. */
function mintPath() {
  const account = document.querySelector("[data-call-account]")?.dataset.callAccount;
  return account ? `${MINT_PATH}?account_id=${encodeURIComponent(account)}` : MINT_PATH;
}

async function mint() {
  const answer = await reach(mintPath(), { method: "POST", headers: { "content-type": "application/json" }, body: "{}" });
  if (answer.status === 401) throw new CallError("signed_out", { status: 401 });
  if (!answer.ok) throw await refusal(answer);
  const made = await jsonOf(answer);
  return { secret: made.secret, until: Date.parse(made.expires_at) - MARGIN_MS };
}

async function secret() {
  if (key && key.until > Date.now()) return key.secret;
  // Two calls at once share one key.
  minting ??= mint();
  const mine = minting;
  try {
    key = await mine;
  } finally {
    if (minting === mine) minting = null;
  }
  return key.secret;
}

async function reach(path, options) {
  try {
    return await fetch(path, { cache: "no-store", credentials: "same-origin", ...options });
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new CallError("unreachable", { message: String(error?.message ?? error) });
  }
}

async function jsonOf(answer) {
  try {
    return await answer.json();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new CallError("not_json", { status: answer.status, requestId: requestIdOf(answer) });
  }
}

const requestIdOf = (answer) => answer.headers.get("x-request-id") ?? "";

/** The gateway's error body, or the control API's problem, as a CallError. */
async function refusal(answer) {
  let body = {};
  try {
    body = await answer.json();
  } catch (error) {
    if (error.name === "AbortError") throw error;
  }
  const stated = body.error ?? body;
  const after = Number.parseInt(answer.headers.get("retry-after") ?? "", 10);
  return new CallError(String(stated.code ?? stated.type ?? answer.status), {
    message: stated.message ?? stated.detail ?? stated.title ?? "",
    status: answer.status,
    requestId: requestIdOf(answer),
    retryAfterS: Number.isNaN(after) ? null : after,
  });
}

/** A call to the relay. A key that has ended meanwhile (expired, or the session's keys were revoked) is replaced once. */
async function post(path, body, signal) {
  for (let tries = 1; ; tries += 1) {
    const bearer = await secret();
    signal?.throwIfAborted();
    // The cookie is of no use to the relay and stays here.
    const answer = await reach(path, {
      method: "POST",
      credentials: "omit",
      headers: { authorization: `Bearer ${bearer}`, "content-type": "application/json" },
      body: JSON.stringify(body),
      signal,
    });
    if (answer.ok) return answer;
    const error = await refusal(answer);
    if (answer.status !== 401 || tries > 1) throw error;
    if (key?.secret === bearer) forget();
  }
}

function begin() {
  const started = performance.now();
  const answer = {
    text: "", reasoning: "", finishReason: null, usage: null, requestId: "", status: 0,
    firstMs: null, totalMs: null, stopped: false, json: null,
  };
  return { answer, elapsed: () => performance.now() - started };
}

/** Runs `work` and says how it ended: the answer, the answer as far as the caller let it come, or an error with the part that came. */
async function finish({ answer, elapsed }, signal, work) {
  try {
    await work();
  } catch (error) {
    if (signal?.aborted) {
      answer.stopped = true;
    } else if (error instanceof CallError) {
      error.partial ??= answer;
      throw error;
    } else {
      throw new CallError("cut", { message: String(error?.message ?? error), status: answer.status, requestId: answer.requestId, partial: answer });
    }
  }
  answer.totalMs = elapsed();
  return answer;
}

/** One call, one whole answer. */
export async function send(path, body, { signal } = {}) {
  const run = begin();
  return finish(run, signal, async () => {
    const got = await post(path, body, signal);
    run.answer.status = got.status;
    run.answer.requestId = requestIdOf(got);
    run.answer.firstMs = run.elapsed();
    run.answer.json = await jsonOf(got);
    run.answer.usage = run.answer.json?.usage ?? null;
  });
}

/** One chat call whose answer comes in pieces. `onDelta(text, answer)` for each piece of text, `onEvent(json)` for each event. */
export async function stream(path, body, { onDelta, onEvent, signal } = {}) {
  const run = begin();
  const quiet = new AbortController();
  const either = signal ? AbortSignal.any([signal, quiet.signal]) : quiet.signal;
  let timer = 0;
  const heard = () => {
    clearTimeout(timer);
    timer = setTimeout(() => quiet.abort(), SILENCE_MS);
  };
  return finish(run, signal, async () => {
    const asked = { ...body, stream: true, stream_options: { include_usage: true, ...body.stream_options } };
    heard();
    try {
      const got = await post(path, asked, either);
      run.answer.status = got.status;
      run.answer.requestId = requestIdOf(got);
      await follow(got, run, { heard, onDelta, onEvent });
    } catch (error) {
      if (quiet.signal.aborted) throw new CallError("stalled", { status: run.answer.status, requestId: run.answer.requestId });
      throw error;
    } finally {
      clearTimeout(timer);
    }
  });
}

async function follow(got, { answer, elapsed }, { heard, onDelta, onEvent }) {
  const fault = (code, message = "") => new CallError(code, { message, status: answer.status, requestId: answer.requestId });
  let ended = false;
  for await (const data of events(got.body, heard, fault)) {
    if (data === "[DONE]") {
      ended = true;
      continue;
    }
    let event;
    try {
      event = JSON.parse(data);
    } catch {
      throw fault("not_json");
    }
    // An error may come in the middle, after a status of 200 that cannot be taken back.
    if (event.error) throw fault(String(event.error.code ?? event.error.type ?? "error"), event.error.message);
    if (take(event, answer, onDelta)) answer.firstMs ??= elapsed();
    onEvent?.(event);
  }
  // A clean end without the last event is an answer that was cut, and must not look like a whole one.
  if (!ended && !answer.finishReason) throw fault("cut");
}

/** Adds one chunk to the answer. Returns whether it held text. */
function take(event, answer, onDelta) {
  if (event.usage) answer.usage = event.usage;
  const choice = event.choices?.[0];
  if (choice?.finish_reason) answer.finishReason = choice.finish_reason;
  const piece = choice?.delta?.content ?? "";
  const thought = choice?.delta?.reasoning_content ?? "";
  answer.text += piece;
  answer.reasoning += thought;
  if (piece || thought) onDelta?.(piece, answer);
  return Boolean(piece || thought);
}

/** The data of each server-sent event (WHATWG HTML, 9.2). Comments and other fields are not needed here. */
async function* events(body, heard, fault) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  let data = [];
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      heard();
      const lines = (rest + value).split(/\r\n|\n|\r(?!$)/);
      rest = lines.pop();
      if (rest.length > EVENT_CHARS_MAX) throw fault("not_json");
      for (const line of lines) {
        if (line.startsWith("data:")) data.push(line.slice(line[5] === " " ? 6 : 5));
        if (line !== "" || data.length === 0) continue;
        yield data.join("\n");
        data = [];
      }
    }
  } finally {
    // Frees the connection when the reader leaves early; a stream that has broken already has nothing to free.
    reader.cancel().catch(() => {});
  }
}
