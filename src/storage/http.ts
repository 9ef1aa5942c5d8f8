import { redirectsMax } from "../domain/limits.ts";
import { StorageError } from "../domain/storage.ts";
import { relativePath } from "./contain.ts";
import type { ByteRange, Opened, Remote, RemoteFile, RemoteListing } from "./remote.ts";
import { type Answer, errorText, statusError, type Transport } from "./transport.ts";
import type { ModelUri } from "./uri.ts";

/** One file by its URL; headers of the operator's go to its host only. */
export function httpRemote(
  { url, sha256 }: Extract<ModelUri, { scheme: "http" }>,
  transport: Transport,
): Remote {
  const secrets = operatorHeaders(url, transport.env);
  const get = (headers: Record<string, string>, signal: AbortSignal) =>
    follow(transport, { url, headers: { ...secrets, ...headers }, signal });

  return {
    identity: identityOf(url, sha256),
    list: async (signal) => {
      // Not HEAD: signed URLs are signed for GET alone.
      const answer = await get({ range: "bytes=0-0" }, signal);
      answer.body.destroy();
      return listing(url, answer, sha256);
    },
    open: async (file, range, signal) => {
      const tag = strongTag(file.version);
      const condition = tag === undefined ? {} : { "if-match": tag };
      const answer = await get({ ...condition, ...rangeHeader(range) }, signal);
      refuseOther(file, answer);
      return opened(answer);
    },
    close: () => transport.close(),
  };
}

/** Its place without what signs a URL, which is another one each time, and with what pins it. */
function identityOf(url: URL, sha256: string | undefined): string {
  const query = [...url.searchParams].filter(([name]) => !signing.test(name)).sort();
  const asked = query.length === 0 ? "" : `?${JSON.stringify(query)}`;
  return `${url.origin}${url.pathname}${asked}${sha256 === undefined ? "" : `#${sha256}`}`;
}

/** Of AWS, Google and Azure, and tokens. */
const signing = new RegExp(
  "^(x-(amz|goog)-.*|s(ig|e|p|v|r|t|pr|koid|ktid|kt|ke|ks|kv)|expires|policy|key-pair-id|" +
    ".*(signature|token|accesskeyid|accessid))$",
  "i",
);

/** `{host}-headers` in the environment: a JSON object, as KServe's secrets put it there. */
function operatorHeaders(url: URL, env: Transport["env"]): Record<string, string> {
  const name = `${url.hostname}-headers`;
  const text = env[name];
  if (text === undefined || text === "") return {};
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) {
      return Object.fromEntries(
        Object.entries(value).map(([key, one]) => [key.toLowerCase(), String(one)]),
      );
    }
  } catch {
    // The refusal below does not quote it: it holds secrets.
  }
  throw new StorageError("bad-uri", `the environment's '${name}' is no JSON object of headers`);
}

interface Following {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

/**
 * Follows redirects: the operator's headers stay with the host and scheme they are for; another
 * host must be a public one, and https stays https. Rejects unless the status is a success.
 */
export async function follow(
  transport: Transport,
  { url, headers, signal }: Following,
): Promise<Answer> {
  let target = url;
  for (let hop = 0; hop <= redirectsMax; hop += 1) {
    const same = target.hostname === url.hostname && target.protocol === url.protocol;
    const reach = target.hostname === url.hostname ? "named" : "redirected";
    const sent = same ? headers : onlyOwn(headers);
    const answer = await transport.send({ url: target, headers: sent, reach }, signal);
    const location = answer.headers.location;
    if (![301, 302, 303, 307, 308].includes(answer.status) || location === undefined) {
      if (answer.status >= 200 && answer.status < 300) return answer;
      await errorText(answer);
      throw statusError(target.host, answer);
    }
    answer.body.destroy();
    target = redirectTarget(location, target);
  }
  throw new StorageError("redirect-refused", `${url.host}: more than ${redirectsMax} redirects`);
}

function redirectTarget(location: string, from: URL): URL {
  const target = URL.canParse(location, from.href) ? new URL(location, from.href) : undefined;
  const known = target?.protocol === "https:" || target?.protocol === "http:";
  if (
    target === undefined ||
    !known ||
    (from.protocol === "https:" && target.protocol === "http:")
  ) {
    throw new StorageError("redirect-refused", `${from.host}: a redirect away from https or http`);
  }
  return target;
}

/** What is ours to send to any host. */
function onlyOwn(headers: Readonly<Record<string, string>>): Record<string, string> {
  const own = Object.entries(headers).filter(([name]) => ["range", "if-match"].includes(name));
  return Object.fromEntries(own);
}

function listing(url: URL, answer: Answer, sha256: string | undefined): RemoteListing {
  const { headers } = answer;
  const total = contentRange(answer)?.total;
  const length = answer.status === 206 ? total : lengthOf(answer);
  const chunked = headers["transfer-encoding"]?.includes("chunked") === true;
  if (length === undefined && !chunked) {
    throw new StorageError("corrupt", `${url.host} does not say how long the file is`);
  }
  const version = sha256 ?? headers.etag ?? headers["last-modified"] ?? `${length ?? "unknown"}`;
  const file: RemoteFile = {
    path: relativePath(lastSegment(url)),
    key: url.pathname,
    bytes: length,
    version,
    checksum: sha256 === undefined ? undefined : { algorithm: "sha256", hex: sha256 },
  };
  return { kind: "file", files: [file], immutable: sha256 !== undefined };
}

function lastSegment(url: URL): string {
  const last = url.pathname.slice(url.pathname.lastIndexOf("/") + 1);
  try {
    return decodeURIComponent(last);
  } catch {
    return last;
  }
}

/** The answer is of the version that was listed; servers that ignore `If-Match` send any. */
function refuseOther(file: RemoteFile, answer: Answer): void {
  const tag = strongTag(file.version);
  const found = answer.headers.etag;
  if (tag === undefined || found === undefined || found === tag) return;
  answer.body.destroy();
  throw new StorageError("changed", `'${file.path}' was replaced while it was read`);
}

function strongTag(version: string): string | undefined {
  return version.startsWith('"') ? version : undefined;
}

export function rangeHeader(range: ByteRange | undefined): Record<string, string> {
  return range === undefined ? {} : { range: `bytes=${range.start}-${range.end - 1}` };
}

export function lengthOf({ headers }: Answer): number | undefined {
  const text = headers["content-length"];
  return text === undefined || !/^\d{1,15}$/.test(text) ? undefined : Number(text);
}

export function contentRange({ status, headers }: Answer): Opened["range"] {
  if (status !== 206) return undefined;
  const match = /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15})$/.exec(headers["content-range"] ?? "");
  if (match === null) throw new StorageError("corrupt", "a part without a range that can be read");
  return { start: Number(match[1]), end: Number(match[2]) + 1, total: Number(match[3]) };
}

/** What the headers of any store's answer say. */
export function opened(answer: Answer, checksum?: Opened["checksum"]): Opened {
  return {
    body: answer.body,
    range: contentRange(answer),
    bytes: lengthOf(answer),
    encoding: answer.headers["content-encoding"],
    checksum,
  };
}
