import { invalid } from "../../domain/error.ts";
import { eventBytesMax, jsonDepthMax, jsonSliceBytes } from "../../domain/limits.ts";
import { clip } from "../../domain/text.ts";
import { JsonError, type JsonObject, type JsonValue, parseJson } from "../../wire/json.ts";
import { utf8InSlices } from "../sliced.ts";
import { findMember } from "./member.ts";

/**
 * CloudEvents as HTTP carries them (CloudEvents 1.0, "HTTP Protocol Binding" and "JSON Event
 * Format"): in headers with the payload as the body, or the whole event as a JSON object.
 */
export type EventMode = "binary" | "structured";

export type EventHeaders = Readonly<Record<string, string | string[] | undefined>>;

/** Attributes by name; payload apart. */
export type EventAttributes = ReadonlyMap<string, string | number | boolean>;

export interface ReceivedEvent {
  readonly mode: EventMode;
  readonly attributes: EventAttributes;
  readonly payload: Buffer;
  /** Whether the payload is bytes, be they JSON or not, and not a part of the event's JSON. */
  readonly bytes: boolean;
}

export const structuredType = "application/cloudevents+json";
const batchType = "application/cloudevents-batch+json";
const eventType = /^application\/cloudevents/i;
const prefix = "ce-";
const required = ["id", "source", "specversion", "type"];
const versions = ["1.0", "0.3"];

/** In which mode a request is an event; `undefined` where it is none. */
export function eventMode(headers: EventHeaders): EventMode | undefined {
  if (headers["ce-specversion"] !== undefined) return "binary";
  const type = headers["content-type"];
  if (typeof type !== "string" || !eventType.test(type)) return undefined;
  const media = type.split(";", 1)[0]?.trim().toLowerCase();
  if (media === batchType) {
    throw invalid("batches of CloudEvents are not supported; send each event on its own");
  }
  return media === structuredType ? "structured" : undefined;
}

/** An event whose attributes are in the headers. Throws `invalid-request`. */
export function binaryEvent(headers: EventHeaders, body: Buffer): ReceivedEvent {
  const attributes = new Map<string, string>();
  for (const [name, value] of Object.entries(headers)) {
    if (!name.startsWith(prefix) || typeof value !== "string") continue;
    attributes.set(name.slice(prefix.length), decodeValue(value));
  }
  checkRequired(attributes);
  return { mode: "binary", attributes, payload: body, bytes: true };
}

/** An event that is a JSON object; `data` stays as it is written. Throws `invalid-request`. */
export function* structuredEvent(
  body: Buffer,
  sliceBytes = jsonSliceBytes,
): Generator<void, ReceivedEvent> {
  if (!(yield* utf8InSlices(body))) throw malformed("it is not valid UTF-8");
  const data = yield* findMember(body, "data", sliceBytes);
  const encoded = yield* findMember(body, "data_base64", sliceBytes);
  if (data !== undefined && encoded !== undefined) {
    throw malformed("it has both 'data' and 'data_base64'");
  }
  const member = data ?? encoded;
  if (member === undefined) throw malformed("it has no 'data'");
  const value = body.subarray(member.start, member.end);
  const envelope = [body.subarray(0, member.start), Buffer.from("0"), body.subarray(member.end)];
  const attributes = readEnvelope(envelope);
  checkRequired(attributes);
  const bytes = data === undefined;
  const payload = bytes ? yield* decodeBytes(value, sliceBytes) : value;
  return { mode: "structured", attributes, payload, bytes };
}

/** The attributes of an event whose payload was taken out. */
function readEnvelope(parts: readonly Buffer[]): EventAttributes {
  const size = parts.reduce((bytes, part) => bytes + part.length, 0);
  if (size > eventBytesMax) {
    throw malformed(`it has more than ${eventBytesMax} bytes beside its data`);
  }
  const envelope = parsed(Buffer.concat(parts).toString("utf8"));
  if (typeof envelope !== "object" || envelope === null || Array.isArray(envelope)) {
    throw malformed("expected an object");
  }
  return attributesOf(envelope);
}

function attributesOf(envelope: JsonObject): EventAttributes {
  const attributes = new Map<string, string | number | boolean>();
  for (const [name, value] of Object.entries(envelope)) {
    if (name === "data" || name === "data_base64" || value === null) continue;
    if (typeof value === "object" || typeof value === "bigint") {
      throw malformed(`attribute '${clip(name)}' must be a string, a number or a boolean`);
    }
    attributes.set(name, value);
  }
  return attributes;
}

function parsed(text: string): JsonValue {
  try {
    return parseJson(text, jsonDepthMax);
  } catch (error) {
    if (error instanceof JsonError) throw malformed(error.message);
    throw error;
  }
}

/** KServe's words for an event without what every event has. */
function checkRequired(attributes: EventAttributes): void {
  const missing = required.filter((name) => (attributes.get(name) ?? "") === "");
  if (missing.length > 0) {
    throw invalid(`Cloud Event Exceptions: missing required attributes: ${missing.join(", ")}`);
  }
  const version = String(attributes.get("specversion"));
  if (versions.includes(version)) return;
  throw invalid(
    `Cloud Event Exceptions: specversion '${clip(version, 20)}' is none of ${versions.join(", ")}`,
  );
}

const base64 = /^[A-Za-z0-9+/]*={0,2}$/;
const backslash = 0x5c;

/** The bytes of a JSON string in base64, four characters of which are three of them. */
function* decodeBytes(value: Buffer, sliceBytes: number): Generator<void, Buffer> {
  const text = value.includes(backslash) ? unescaped(value) : value.toString("latin1");
  const [, digits] = /^\s*"([^"]*)"\s*$/.exec(text) ?? [];
  if (digits === undefined) throw notBase64();
  const bytes = Buffer.allocUnsafe(Math.ceil(digits.length / 4) * 3);
  const step = 4 * sliceBytes;
  let length = 0;
  for (let at = 0; at < digits.length; at += step) {
    if (at > 0) yield;
    const part = digits.slice(at, at + step);
    const last = at + step >= digits.length;
    if (!base64.test(part) || (!last && part.endsWith("="))) throw notBase64();
    length += bytes.write(part, length, "base64");
  }
  return bytes.subarray(0, length);
}

/** Some write a slash as an escape. */
function unescaped(value: Buffer): string {
  const text = parsed(value.toString("utf8"));
  if (typeof text !== "string") throw notBase64();
  return `"${text}"`;
}

function notBase64() {
  return malformed("'data_base64' is not a string in base64");
}

function malformed(why: string) {
  return invalid(`Failed to decode or parse structured json cloudevent: ${why}`);
}

/** Percent-decoded; what is no such code stays as it is. */
function decodeValue(text: string): string {
  if (!text.includes("%")) return text;
  try {
    return decodeURIComponent(text);
  } catch (error) {
    if (error instanceof URIError) return text;
    throw error;
  }
}
