// Drives portal/assets/call.js under node against a small server, one JSON line per case. `call.mjs <copy of call.js>`.

import http from "node:http";
import { pathToFileURL } from "node:url";

const WHOLE_MS = 600_000;
let mints = 0;
let bearers = [];
let minted = { status: 201, ms: WHOLE_MS };

const chunk = (content, more = {}) => ({ choices: [{ index: 0, delta: { content }, ...more }] });

const routes = {
  "/v1/whole": (put) => {
    put.raw(": a comment\n\n");
    put(chunk("Hé"));
    put.raw(`data: ${JSON.stringify(chunk("llo"))}\r\n\r\n`);
    put(chunk("", { finish_reason: "stop" }));
    put({ choices: [], usage: { prompt_tokens: 2, completion_tokens: 3 } });
    put.raw("data: [DONE]\n\n");
    put.end();
  },
  // Each byte by itself: letters of two bytes, line ends and events come in pieces.
  "/v1/bytes": async (put) => {
    for (const byte of Buffer.from(`data: ${JSON.stringify(chunk("đủ"))}\r\n\r\ndata: [DONE]\r\n\r\n`)) await put.raw(Buffer.from([byte]));
    put.end();
  },
  "/v1/error": (put) => {
    put(chunk("half"));
    put({ error: { message: "the model broke", type: "upstream_error", code: "upstream_error" } });
    put.end();
  },
  "/v1/clean-end": (put) => {
    put(chunk("half"));
    put.end();
  },
  "/v1/abort": async (put) => {
    await put(chunk("half"));
    put.destroy();
  },
  "/v1/hang": (put) => put(chunk("half")),
};

const server = http.createServer((request, response) => {
  const json = (status, body, headers = {}) => {
    response.writeHead(status, { "content-type": "application/json", "x-request-id": "req_1", ...headers });
    response.end(JSON.stringify(body));
  };
  if (request.url.startsWith("/api/session/key")) {
    mints += 1;
    if (minted.status !== 201) return json(minted.status, { code: "unauthorized", detail: "sign in" });
    return json(201, { secret: `sk-${mints}`, expires_at: new Date(Date.now() + minted.ms).toISOString() });
  }
  bearers.push(request.headers.authorization);
  if (request.headers.authorization === "Bearer sk-1") return json(401, { error: { code: "invalid_api_key", message: "unknown key" } });
  if (request.url === "/v1/always-401") return json(401, { error: { code: "invalid_api_key", message: "unknown key" } });
  if (request.url === "/v1/429") return json(429, { error: { code: "rate_limit_exceeded", message: "slow down" } }, { "retry-after": "7" });
  if (request.url === "/v1/json") return json(200, { data: [1], usage: { prompt_tokens: 4 } });
  response.writeHead(200, { "content-type": "text/event-stream", "x-request-id": "req_1" });
  const raw = (bytes) => new Promise((sent) => response.write(bytes, sent));
  const put = Object.assign((event) => raw(`data: ${JSON.stringify(event)}\n\n`), { raw, end: () => response.end(), destroy: () => setImmediate(() => response.destroy()) });
  return routes[request.url](put);
});

await new Promise((up) => server.listen(0, "127.0.0.1", up));
const base = `http://127.0.0.1:${server.address().port}`;
const fetchThere = globalThis.fetch;
globalThis.fetch = (path, options) => fetchThere(base + path, options);
globalThis.document = { querySelector: () => ({ dataset: { callAccount: "acc_1" } }) };
const { CallError, forget, send, stream } = await import(pathToFileURL(process.argv[2]));

async function tell(name, work) {
  bearers = [];
  const before = mints;
  let row;
  try {
    row = await work();
  } catch (error) {
    row = { error: error instanceof CallError ? error.code : `${error}`, message: error.message, status: error.status, retryAfterS: error.retryAfterS, text: error.partial?.text };
  }
  console.log(JSON.stringify({ name, ...row, bearers, mints: mints - before }));
}

await tell("a refused key is replaced once", async () => {
  const pieces = [];
  const { text, usage, finishReason, requestId, firstMs, totalMs } = await stream("/v1/whole", { model: "m" }, { onDelta: (piece) => pieces.push(piece) });
  return { text, pieces, usage, finishReason, requestId, timed: firstMs > 0 && totalMs >= firstMs };
});
await tell("a key is kept", async () => ({ text: (await stream("/v1/whole", {})).text }));
await tell("bytes", async () => ({ text: (await stream("/v1/bytes", {})).text }));
await tell("an error event", () => stream("/v1/error", {}));
await tell("a clean end too early", () => stream("/v1/clean-end", {}));
await tell("an abort", () => stream("/v1/abort", {}));
await tell("stopped", async () => {
  const control = new AbortController();
  const { text, stopped } = await stream("/v1/hang", {}, { signal: control.signal, onDelta: () => control.abort() });
  return { text, stopped };
});
await tell("a key that stays refused", () => stream("/v1/always-401", {}));
await tell("a rate limit", () => stream("/v1/429", {}));
await tell("a whole answer", async () => {
  const { json, usage } = await send("/v1/json", {});
  return { json, usage };
});
await tell("two calls at once share one key", async () => {
  forget();
  const texts = await Promise.all([stream("/v1/whole", {}), stream("/v1/whole", {})]);
  return { text: texts.map(({ text }) => text).join() };
});
minted = { status: 201, ms: 1_000 };
await tell("a key near its end is not used again", async () => {
  forget();
  await stream("/v1/whole", {});
  return { text: (await stream("/v1/whole", {})).text };
});
minted = { status: 401, ms: 0 };
await tell("signed out", () => {
  forget();
  return stream("/v1/whole", {});
});
server.closeAllConnections();
server.close();
await tell("nobody there", () => {
  forget();
  return stream("/v1/whole", {});
});
