import { invalid } from "../../domain/error.ts";
import { jsonDepthMax, parametersMax } from "../../domain/limits.ts";
import { clip } from "../../domain/text.ts";
import { JsonError, type JsonObject, type JsonValue, parseJson } from "../../wire/json.ts";

/** Requests of Triton's model repository extension on REST; an empty body is an empty object. */

export interface IndexRequest {
  readonly readyOnly: boolean;
}

/** `parameters` of a load or unload. */
export interface LoadParameters {
  readonly config: string | undefined;
  /** By their paths below the model's folder. */
  readonly files: ReadonlyMap<string, Uint8Array>;
}

/** Throws `invalid-request`. */
export function decodeIndexRequest(body: Uint8Array): IndexRequest {
  const { ready } = parse(body);
  if (ready === undefined || ready === null) return { readyOnly: false };
  if (typeof ready !== "boolean") throw invalid("Invalid value for 'ready': expected a boolean");
  return { readyOnly: ready };
}

/** Parameters with other names have no meaning, and are passed over. Throws `invalid-request`. */
export function decodeLoadRequest(body: Uint8Array): LoadParameters {
  const { parameters } = parse(body);
  const given = parameters === undefined || parameters === null ? {} : parameters;
  if (!isObject(given)) throw invalid("Unable to parse 'parameters': expected an object");
  const entries = Object.entries(given);
  if (entries.length > parametersMax) {
    throw invalid(
      `'parameters' has ${entries.length} entries; at most ${parametersMax} are allowed`,
    );
  }
  const files = new Map<string, Uint8Array>();
  let config: string | undefined;
  for (const [name, value] of entries) {
    if (name === "config") config = text(name, value);
    else if (name.startsWith("file:")) files.set(name.slice(5), base64(name, text(name, value)));
    else if (name === "unload_dependents" && typeof value !== "boolean") {
      throw invalid("Unable to parse 'unload_dependents': expected a boolean");
    }
  }
  return { config, files };
}

function parse(body: Uint8Array): JsonObject {
  const json = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString();
  if (json.trim() === "") return {};
  let value: JsonValue;
  try {
    value = parseJson(json, jsonDepthMax);
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    throw invalid(`failed to parse the request JSON buffer: ${error.message}`);
  }
  if (isObject(value)) return value;
  throw invalid("failed to parse the request JSON buffer: expected an object");
}

function isObject(value: JsonValue): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function text(name: string, value: JsonValue): string {
  if (typeof value === "string") return value;
  throw invalid(`Unable to parse '${clip(name)}': expected a text`);
}

function base64(name: string, value: string): Uint8Array {
  if (/^[A-Za-z0-9+/]*={0,2}$/.test(value) && value.length % 4 === 0) {
    return Buffer.from(value, "base64");
  }
  throw invalid(`Unable to parse '${clip(name)}': expected Base64`);
}
