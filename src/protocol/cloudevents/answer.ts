import type { EventAttributes, ReceivedEvent } from "./event.ts";
import { structuredType } from "./event.ts";

/** How answers to events are called (KServe: CE_TYPE, CE_SOURCE, CE_MERGE). */
export interface EventSettings {
  readonly type: string;
  /** `undefined`: by the model. */
  readonly source: string | undefined;
  /** Whether attributes of the request go into the answer. */
  readonly merge: boolean;
}

/** What makes an answer an event of its own. */
export interface EventIdentity {
  readonly id: string;
  /** As RFC 3339 has it. */
  readonly time: string;
  readonly model: string;
}

export interface EventBody {
  readonly body: string | Uint8Array<ArrayBuffer>;
  readonly headers: Readonly<Record<string, string>>;
}

/** An answer as an event, in the mode in which its request came. */
export function answerEvent(
  answer: EventBody,
  received: ReceivedEvent,
  identity: EventIdentity,
  settings: EventSettings,
): EventBody {
  const attributes = answerAttributes(received.attributes, identity, settings);
  if (received.mode === "structured") return structuredAnswer(answer, attributes);
  const headers: Record<string, string> = { ...answer.headers };
  for (const [name, value] of attributes) headers[`ce-${name}`] = encodeValue(String(value));
  return { body: answer.body, headers };
}

/** Those that tell of the request's payload, and the request itself, are not the answer's. */
const own: ReadonlySet<string> = new Set(["id", "time", "datacontenttype", "dataschema"]);
const attributeName = /^[a-z0-9]{1,64}$/;

function answerAttributes(
  request: EventAttributes,
  { id, time, model }: EventIdentity,
  { type, source, merge }: EventSettings,
): EventAttributes {
  const attributes = new Map<string, string | number | boolean>([["specversion", "1.0"]]);
  for (const [name, value] of merge ? request : []) {
    if (!own.has(name) && attributeName.test(name)) attributes.set(name, value);
  }
  return attributes
    .set("id", id)
    .set("source", source ?? `io.kserve.inference.${model}`)
    .set("type", type)
    .set("time", time);
}

function structuredAnswer({ body, headers }: EventBody, attributes: EventAttributes): EventBody {
  const type = headers["content-type"] ?? "application/json";
  const json = type === "application/json";
  const all = new Map(attributes);
  if (!json) all.set("datacontenttype", type);
  const head = JSON.stringify(Object.fromEntries(all)).slice(0, -1);
  const structured = { ...headers, "content-type": structuredType };
  if (!json) {
    const text = Buffer.from(body).toString("base64");
    return { body: `${head},"data_base64":"${text}"}`, headers: structured };
  }
  if (typeof body === "string") return { body: `${head},"data":${body}}`, headers: structured };
  const parts = [Buffer.from(`${head},"data":`), body, Buffer.from("}")];
  return { body: Buffer.concat(parts), headers: structured };
}

/** As a header takes it: what is not printable ASCII, and space, `"` and `%`, in percent codes. */
function encodeValue(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what it encodes.
  return text.toWellFormed().replace(/[\u0000-\u0020"%\u007f-\u{10ffff}]/gu, encodeURIComponent);
}
