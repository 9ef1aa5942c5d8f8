import { metadataMsMax } from "../domain/limits.ts";
import { Secret } from "../domain/redact.ts";
import { StorageError } from "../domain/storage.ts";
import { fromBase64 } from "./checksum.ts";
import { relativePath, urlSegment } from "./contain.ts";
import { opened, rangeHeader } from "./http.ts";
import { findAt, Pages, type StoredObject } from "./prefix.ts";
import type { Remote } from "./remote.ts";
import type { Environment } from "./storage-config.ts";
import { Renewed } from "./token.ts";
import { type Answer, errorText, jsonOf, statusError, type Transport } from "./transport.ts";
import type { ModelUri } from "./uri.ts";

/** Google Cloud Storage by its JSON API. */

type Query = Readonly<Record<string, string>>;

export function gsRemote(
  { bucket, key }: Extract<ModelUri, { scheme: "gs" }>,
  transport: Transport,
): Remote {
  const origin = emulator(transport.env) ?? "https://storage.googleapis.com";
  const client = new GsClient(origin, transport);
  const objects = `/storage/v1/b/${urlSegment(bucket)}/o`;
  return {
    identity: `gs:${origin}/${bucket}/${key}`,
    list: (signal) =>
      findAt(key, {
        below: (prefix) => listBelow(client, objects, { prefix, signal }),
        at: (name) => object(client, objects, { key: name, signal }),
      }),
    open: async (file, range, signal) => {
      const path = `${objects}/${urlSegment(relativePath(file.key))}`;
      const query = { alt: "media", generation: file.version };
      const answer = await client.send({ path, query, headers: rangeHeader(range), signal });
      const found = answer.headers["x-goog-generation"];
      if (found === undefined || found === file.version) return opened(answer);
      answer.body.destroy();
      throw new StorageError("changed", `'${file.path}' was replaced while it was read`);
    },
    close: () => transport.close(),
  };
}

function emulator(env: Environment): string | undefined {
  const given = env["STORAGE_EMULATOR_HOST"] ?? "";
  if (given === "") return undefined;
  return new URL(/^https?:\/\//.test(given) ? given : `http://${given}`).origin;
}

interface GsAsk {
  readonly path: string;
  readonly query: Query;
  readonly headers?: Query;
  readonly signal: AbortSignal;
}

type Source = "file" | "metadata" | "none";
interface Token {
  readonly source: Source;
  readonly text: Secret | undefined;
}

/** Requests with a token where there is one. */
class GsClient {
  readonly #origin: string;
  readonly #transport: Transport;
  readonly #token: Renewed<Token>;
  #anonymous = false;

  constructor(origin: string, transport: Transport) {
    this.#origin = origin;
    this.#transport = transport;
    this.#token = new Renewed(() => findToken(transport));
  }

  /**
   * A successful answer. A token that is refused is renewed once; a machine's own token that has no
   * right is left out once, since the bucket may be public.
   */
  async send(ask: GsAsk): Promise<Answer> {
    const first = await this.#once(ask);
    if (isSuccess(first.answer)) return first.answer;
    const { status } = first.answer;
    const { source } = first;
    const again =
      source !== "none" && (status === 401 || (status === 403 && source === "metadata"));
    if (!again) throw await this.#error(first.answer);
    await errorText(first.answer);
    if (source === "metadata") this.#anonymous = true;
    else this.#token.forget();
    const second = await this.#once(ask);
    if (isSuccess(second.answer)) return second.answer;
    throw await this.#error(second.answer);
  }

  async #once({ path, query, headers = {}, signal }: GsAsk) {
    const url = new URL(this.#origin);
    url.pathname = path;
    if (url.pathname !== path) {
      throw new StorageError("unsafe-path", "a key that is another path in a URL");
    }
    url.search = new URLSearchParams(query).toString();
    const none: Token = { source: "none", text: undefined };
    const { source, text } = this.#anonymous ? none : await this.#token.get();
    const authorization: Query =
      text === undefined ? {} : { authorization: `Bearer ${text.reveal()}` };
    const answer = await this.#transport.send(
      { url, headers: { ...headers, ...authorization }, reach: "named" },
      signal,
    );
    return { answer, source };
  }

  async #error(answer: Answer): Promise<StorageError> {
    await errorText(answer);
    return statusError(new URL(this.#origin).host, answer);
  }
}

function isSuccess({ status }: Answer): boolean {
  return status >= 200 && status < 300;
}

/** A credential file, else the machine's own account, else nobody. */
async function findToken(
  transport: Transport,
): Promise<{ value: Token; expiresMs: number | undefined }> {
  const { env } = transport;
  const file = env["GOOGLE_APPLICATION_CREDENTIALS"] ?? "";
  if (file !== "") {
    const { googleToken } = await import("./google-auth.ts");
    const { token, expiresMs } = await googleToken(file);
    return { value: { source: "file", text: new Secret(token) }, expiresMs };
  }
  if (emulator(env) === undefined || (env["GCE_METADATA_HOST"] ?? "") !== "") {
    const found = (await metadataToken(transport)) ?? (await metadataToken(transport));
    if (found !== undefined) return found;
  }
  return { value: { source: "none", text: undefined }, expiresMs: undefined };
}

const tokenPath = "/computeMetadata/v1/instance/service-accounts/default/token";

async function metadataToken(
  transport: Transport,
): Promise<{ value: Token; expiresMs: number } | undefined> {
  const host = transport.env["GCE_METADATA_HOST"] ?? "169.254.169.254";
  const ask = {
    url: new URL(tokenPath, `http://${host}`),
    headers: { "metadata-flavor": "Google" },
    metadata: true,
    idleMsMax: metadataMsMax / 2,
  };
  try {
    const answer = await transport.send(ask, AbortSignal.timeout(metadataMsMax));
    const { access_token: token, expires_in: seconds } = Object(await jsonOf(answer));
    if (answer.status !== 200 || typeof token !== "string") return undefined;
    const expiresMs = Date.now() + Number(seconds) * 1_000;
    return { value: { source: "metadata", text: new Secret(token) }, expiresMs };
  } catch {
    return undefined;
  }
}

const fields = "name,size,generation,crc32c,md5Hash";

async function listBelow(
  client: GsClient,
  path: string,
  { prefix, signal }: { readonly prefix: string; readonly signal: AbortSignal },
): Promise<readonly StoredObject[]> {
  const pages = new Pages();
  let token: string | undefined;
  do {
    const query: Record<string, string> = { fields: `items(${fields}),nextPageToken`, prefix };
    if (token !== undefined) query["pageToken"] = token;
    const page = Object(await jsonOf(await client.send({ path, query, signal })));
    const items: unknown[] = Array.isArray(page.items) ? page.items : [];
    const next = typeof page.nextPageToken === "string" ? page.nextPageToken : undefined;
    token = pages.add(items.map(storedObject), next);
  } while (token !== undefined);
  return pages.objects;
}

async function object(
  client: GsClient,
  objects: string,
  { key, signal }: { readonly key: string; readonly signal: AbortSignal },
): Promise<StoredObject | undefined> {
  const path = `${objects}/${urlSegment(relativePath(key))}`;
  try {
    return storedObject(await jsonOf(await client.send({ path, query: { fields }, signal })));
  } catch (error) {
    if (error instanceof StorageError && ["not-found", "forbidden"].includes(error.kind)) return;
    throw error;
  }
}

function storedObject(value: unknown): StoredObject {
  const { name, size, generation, crc32c, md5Hash } = Object(value);
  if (typeof name !== "string" || !/^\d{1,15}$/.test(String(size))) {
    throw new StorageError("corrupt", "an object without name or size in the listing");
  }
  const md5 = typeof md5Hash === "string" ? fromBase64("md5", md5Hash) : undefined;
  const checksum = typeof crc32c === "string" ? fromBase64("crc32c", crc32c) : md5;
  return { key: name, bytes: Number(size), version: String(generation), checksum };
}
