// The official npm SDK against a running gateway: one JSON line per check on standard output, {"check", "ok", "why"}.
// Which models and keys there are is told in TOLLWAY_CASE; tests/e2e/test_npm_sdk.py makes them and reads the lines.
import assert from "node:assert/strict";
import OpenAI, * as sdk from "openai";

const { baseURL, key, poorKey, rateKey, narrowKey, models } = JSON.parse(process.env.TOLLWAY_CASE);
const make = (apiKey, more = {}) => new OpenAI({ baseURL, apiKey, maxRetries: 0, timeout: 20_000, ...more });
const client = make(key);
const messages = [{ role: "user", content: "Why do bridges charge a toll?" }];
const chat = (model, more = {}, by = client) => by.chat.completions.create({ model, messages, ...more });
const tool = {
  type: "function",
  function: { name: "toll_of", parameters: { type: "object", properties: { road: { type: "string" } } } },
};

async function raises(kind, status, code, call) {
  const error = await call().then(() => assert.fail(`${kind.name} was not raised`), (thrown) => thrown);
  assert.equal(error.constructor.name, kind.name, String(error));
  assert.deepEqual([error.status, error.code], [status, code], String(error));
  if (status !== undefined) assert.ok(error.requestID, "a request id");
}

async function read(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return chunks;
}

const checks = {
  async "chat"() {
    const { data, response, request_id } = await chat("sim-chat").withResponse();
    assert.equal(data.choices[0].finish_reason, "stop");
    assert.match(data.choices[0].message.content, /toll/i);
    assert.ok(data.usage.completion_tokens > 0);
    assert.match(response.headers.get("x-tollway-cost"), /^0\.\d+$/);
    assert.equal(response.headers.get("x-request-id"), request_id);
  },
  async "stream"() {
    const chunks = await read(await chat("sim-chat", { stream: true }));
    assert.ok(chunks.every((chunk) => chunk.choices.length === 1));
    assert.equal(chunks.at(-1).choices[0].finish_reason, "stop");
  },
  async "stream with usage"() {
    const chunks = await read(await chat("sim-chat", { stream: true, stream_options: { include_usage: true } }));
    assert.deepEqual(chunks.at(-1).choices, []);
    assert.ok(chunks.at(-1).usage.completion_tokens > 0);
  },
  async "tool"() {
    const asked = [{ role: "user", content: "Use a tool on road A7" }];
    const answer = await client.chat.completions.create({ model: "sim-chat", messages: asked, tools: [tool] });
    assert.equal(answer.choices[0].finish_reason, "tool_calls");
    assert.deepEqual(JSON.parse(answer.choices[0].message.tool_calls[0].function.arguments), { road: "A7" });
  },
  async "embeddings"() {
    const input = "a toll road";
    const packed = await client.embeddings.create({ model: "sim-embed", input });
    const plain = await client.embeddings.create({ model: "sim-embed", input, encoding_format: "float" });
    const [ours, theirs] = [packed.data[0].embedding, plain.data[0].embedding];
    assert.equal(ours.length, 256);
    assert.ok(ours.every((x, n) => Math.abs(x - theirs[n]) < 1e-6));
  },
  async "images"() {
    const answer = await client.images.generate({ model: "sim-image", prompt: "a bridge" });
    assert.equal(Buffer.from(answer.data[0].b64_json, "base64").subarray(1, 4).toString(), "PNG");
  },
  async "models"() {
    const ids = (await client.models.list()).data.map((model) => model.id);
    assert.ok(ids.includes("sim-chat") && ids.includes("sim-image"));
    assert.equal((await client.models.retrieve("sim-chat")).id, "sim-chat");
  },
  "400": () => raises(sdk.BadRequestError, 400, "invalid_request", () => chat("sim-chat", { max_tokens: -1 })),
  "401": () =>
    raises(sdk.AuthenticationError, 401, "invalid_api_key", () => chat("sim-chat", {}, make("sk-tw-nobody"))),
  "402": () => raises(sdk.APIError, 402, "insufficient_balance", () => chat("sim-chat", {}, make(poorKey))),
  "403": () =>
    raises(sdk.PermissionDeniedError, 403, "endpoint_not_allowed", () => chat("sim-chat", {}, make(narrowKey))),
  "404": () => raises(sdk.NotFoundError, 404, "model_not_found", () => chat("no-such-model")),
  async "422"() {
    const error = await chat(models.unprocessable).catch((thrown) => thrown);
    assert.ok(error instanceof sdk.UnprocessableEntityError, String(error));
  },
  async "429"() {
    const limited = make(rateKey);
    await chat("sim-chat", {}, limited);
    await raises(sdk.RateLimitError, 429, "rate_limit_exceeded", () => chat("sim-chat", {}, limited));
  },
  "502": () => raises(sdk.InternalServerError, 502, "upstream_error", () => chat(models.broken)),
  "503": () => raises(sdk.InternalServerError, 503, "no_healthy_upstream", () => chat(models.asleep)),
  "504": () => raises(sdk.InternalServerError, 504, "upstream_timeout", () => chat(models.slow)),
  async "broken stream"() {
    const seen = [];
    const error = await (async () => {
      for await (const chunk of await chat(models.breaking, { stream: true })) seen.push(chunk);
      assert.fail("the stream ended as if it were whole");
    })().catch((thrown) => thrown);
    assert.ok(seen.length > 0);
    assert.ok(error instanceof sdk.APIError, String(error));
    assert.equal(error.code, "upstream_error");
  },
  async "time-out of the client"() {
    const error = await chat(models.hanging, {}, make(key, { timeout: 300 })).catch((thrown) => thrown);
    assert.ok(error instanceof sdk.APIConnectionTimeoutError, String(error));
  },
};

for (const [check, run] of Object.entries(checks)) {
  const why = await run().then(() => null, (error) => String(error?.stack ?? error));
  console.log(JSON.stringify({ check, ok: why === null, why }));
}
