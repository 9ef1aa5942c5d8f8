import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { setTimeout as wait } from "node:timers/promises";
import { gzipSync } from "node:zlib";

/** What a store holds, by bucket (or repository, or `www`) and key. */
export type Objects = Record<string, Record<string, Buffer>>;

/** Something wrong with the answers; it is asked of every request for content. */
export type Fault =
  | { readonly kind: "status"; readonly status: number; readonly headers?: Record<string, string> }
  | { readonly kind: "reset" }
  | { readonly kind: "stall" }
  | { readonly kind: "delay"; readonly ms: number }
  | { readonly kind: "truncate"; readonly bytes: number }
  | { readonly kind: "stall-in-body"; readonly bytes: number }
  | { readonly kind: "trickle"; readonly everyMs: number }
  | { readonly kind: "flip" }
  | { readonly kind: "no-length" }
  | { readonly kind: "long" }
  | { readonly kind: "gzip" }
  | { readonly kind: "ignore-range" }
  | { readonly kind: "wrong-range" }
  | { readonly kind: "replaced" }
  | { readonly kind: "redirect"; readonly to: string };

interface Refusal {
  readonly status: number;
  readonly code: string;
  readonly region?: string;
}

export interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage["headers"];
  readonly content: boolean;
}

/** An object store of our own: S3 below `/`, GCS's JSON API, the Hub, and plain files at `/www/`. */
export class ObjectServer {
  readonly objects: Objects;
  readonly seen: Seen[] = [];
  /** Asked for each request, with the number of those for content before it. */
  fault: (request: Seen, contents: number) => Fault | undefined = () => undefined;
  /** Refuses a request with a status and a code, before anything else. */
  guard: (request: Seen) => Refusal | undefined = () => undefined;
  /** Routes of its own: token services. */
  route: (request: Seen, body: string) => unknown = () => undefined;
  pageSize = 1_000;
  readonly #server: Server;
  readonly #scheme: string;

  constructor(objects: Objects, tls?: { readonly key: Buffer; readonly cert: Buffer }) {
    this.objects = objects;
    const listener = (request: IncomingMessage, response: ServerResponse) => {
      this.#serve(request, response).catch((error: unknown) => {
        response.destroy(error instanceof Error ? error : undefined);
      });
    };
    this.#scheme = tls === undefined ? "http" : "https";
    this.#server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener);
    this.#server.keepAliveTimeout = 1_000;
  }

  async listen(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    return this;
  }

  get port(): number {
    // It listens on a port, so its address is one of these.
    return (this.#server.address() as AddressInfo).port;
  }

  get origin(): string {
    return `${this.#scheme}://127.0.0.1:${this.port}`;
  }

  get contents(): number {
    return this.seen.filter(({ content }) => content).length;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<unknown> {
    const { method = "GET", url: path = "/", headers } = request;
    const url = new URL(path, this.origin);
    const target = this.#target(url);
    const content =
      target !== undefined && !target.facts && method === "GET" && headers.range !== "bytes=0-0";
    const seen: Seen = { method, url: path, headers, content };
    const before = this.contents;
    this.seen.push(seen);
    let body = "";
    for await (const chunk of request) body += chunk;
    const own = this.route(seen, body);
    if (own !== undefined) return json(response, own);
    const refused = this.guard(seen);
    if (refused !== undefined) {
      const { status, code, region } = refused;
      const headers = region === undefined ? {} : { "x-amz-bucket-region": region };
      return error(response, status, code, headers);
    }
    if (target === undefined) return this.#list(url, response);
    const found = this.objects[target.bucket]?.[target.key];
    if (found === undefined) return error(response, 404, "NoSuchKey");
    if (target.facts) return json(response, gcsFacts(target.key, found));
    return send({ request, response, found, fault: this.fault(seen, before) });
  }

  #target(url: URL): { bucket: string; key: string; facts?: boolean } | undefined {
    const gcs = /^\/storage\/v1\/b\/([^/]+)\/o\/([^/]+)$/.exec(url.pathname);
    if (gcs !== null) {
      const facts = url.searchParams.get("alt") !== "media";
      return { bucket: gcs[1] ?? "", key: decodeURIComponent(gcs[2] ?? ""), facts };
    }
    if (/^\/(storage\/v1|api\/models)\//.test(url.pathname)) return undefined;
    const hub = /^\/([^/]+\/[^/]+)\/resolve\/[^/]+\/(.+)$/.exec(url.pathname);
    if (hub !== null) return { bucket: hub[1] ?? "", key: decodeURIComponent(hub[2] ?? "") };
    const [bucket = "", ...key] = url.pathname.slice(1).split("/");
    if (key.length === 0 || key.join("/") === "") return undefined;
    return { bucket, key: decodeURIComponent(key.join("/")) };
  }

  #list(url: URL, response: ServerResponse): ServerResponse {
    const gcs = /^\/storage\/v1\/b\/([^/]+)\/o$/.exec(url.pathname)?.[1];
    if (gcs !== undefined) return json(response, this.#gcsPage(gcs, url.searchParams));
    const revision = /^\/api\/models\/([^/]+\/[^/]+)\/revision\/(.+)$/.exec(url.pathname);
    if (revision !== null) {
      if (this.objects[revision[1] ?? ""] === undefined) return error(response, 401, "NotFound");
      return json(response, { sha: commitOf(revision[2] ?? "") });
    }
    const tree = /^\/api\/models\/([^/]+\/[^/]+)\/tree\//.exec(url.pathname)?.[1];
    if (tree !== undefined) return this.#hubPage(tree, url, response);
    const bucket = url.pathname.replaceAll("/", "");
    if (this.objects[bucket] === undefined) return error(response, 404, "NoSuchBucket");
    response.setHeader("content-type", "application/xml");
    return response.end(this.#s3Page(bucket, url.searchParams));
  }

  #page(bucket: string, prefix: string, from: string | null) {
    const all = Object.entries(this.objects[bucket] ?? {})
      .filter(([key]) => key.startsWith(prefix))
      .sort(([a], [b]) => (a < b ? -1 : 1));
    const start = Number(from ?? 0);
    const items = all.slice(start, start + this.pageSize);
    const next = start + this.pageSize < all.length ? String(start + this.pageSize) : undefined;
    return { items, next };
  }

  #s3Page(bucket: string, query: URLSearchParams): string {
    const prefix = query.get("prefix") ?? "";
    const { items, next } = this.#page(bucket, prefix, query.get("continuation-token"));
    const encoded = query.get("encoding-type") === "url";
    const contents = items.map(([key, body]) => {
      const name = encoded ? encodeURIComponent(key).replaceAll("%20", "+") : escaped(key);
      return `<Contents><Key>${name}</Key><Size>${body.length}</Size><ETag>&quot;${md5(body)}&quot;</ETag><LastModified>2026-01-01T00:00:00.000Z</LastModified></Contents>`;
    });
    const more = next === undefined ? "" : `<NextContinuationToken>${next}</NextContinuationToken>`;
    const encoding = encoded ? "<EncodingType>url</EncodingType>" : "";
    return `<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${encoding}<KeyCount>${items.length}</KeyCount><IsTruncated>${next !== undefined}</IsTruncated>${more}${contents.join("")}</ListBucketResult>`;
  }

  #gcsPage(bucket: string, query: URLSearchParams): unknown {
    const { items, next } = this.#page(bucket, query.get("prefix") ?? "", query.get("pageToken"));
    return { items: items.map(([key, body]) => gcsFacts(key, body)), nextPageToken: next };
  }

  #hubPage(repo: string, url: URL, response: ServerResponse): ServerResponse {
    if (this.objects[repo] === undefined) return error(response, 404, "RepoNotFound");
    const { items, next } = this.#page(repo, "", url.searchParams.get("cursor"));
    if (next !== undefined) {
      url.searchParams.set("cursor", next);
      response.setHeader("link", `<${url.href}>; rel="next"`);
    }
    return json(
      response,
      items.map(([path, body]) => {
        const git = createHash("sha1").update(`blob ${body.length}\0`).update(body).digest("hex");
        const lfs = { oid: createHash("sha256").update(body).digest("hex"), size: body.length };
        const large = body.length > 10_000 ? { lfs } : {};
        return { type: "file", path, size: body.length, oid: git, ...large };
      }),
    );
  }
}

function gcsFacts(name: string, body: Buffer): unknown {
  const md5Hash = Buffer.from(md5(body), "hex").toString("base64");
  return { name, size: String(body.length), generation: String(generation(body)), md5Hash };
}

function generation(body: Buffer): number {
  return Number.parseInt(md5(body).slice(0, 12), 16);
}

export function commitOf(revision: string): string {
  return createHash("sha1").update(revision).digest("hex");
}

const sums = new WeakMap<Buffer, string>();

function md5(body: Buffer): string {
  const known = sums.get(body);
  if (known !== undefined) return known;
  const sum = createHash("md5").update(body).digest("hex");
  sums.set(body, sum);
  return sum;
}

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);
}

function json(response: ServerResponse, value: unknown): ServerResponse {
  response.setHeader("content-type", "application/json");
  return response.end(typeof value === "string" ? value : JSON.stringify(value));
}

function error(
  response: ServerResponse,
  status: number,
  code: string,
  headers: Readonly<Record<string, string>> = {},
): ServerResponse {
  response.writeHead(status, { "content-type": "application/xml", ...headers });
  return response.end(`<Error><Code>${code}</Code><Message>no</Message></Error>`);
}

interface Sending {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly found: Buffer;
  readonly fault: Fault | undefined;
}

async function send({ request, response, found, fault }: Sending): Promise<unknown> {
  switch (fault?.kind) {
    case "status":
      return error(
        response,
        fault.status,
        fault.status === 503 ? "SlowDown" : "Refused",
        fault.headers,
      );
    case "redirect":
      response.writeHead(302, { location: fault.to });
      return response.end();
    case "reset":
      return request.socket.resetAndDestroy();
    case "stall":
      return;
    case "delay":
      await wait(fault.ms);
      break;
    default:
      break;
  }
  const etag = fault?.kind === "replaced" ? '"another"' : `"${md5(found)}"`;
  const { "if-match": wanted, range } = request.headers;
  if (wanted !== undefined && wanted !== etag) return error(response, 412, "PreconditionFailed");
  const asked = /^bytes=(\d+)-(\d*)$/.exec(range ?? "");
  const ranged = asked !== null && fault?.kind !== "ignore-range" && found.length > 0;
  const start = ranged ? Number(asked[1]) : 0;
  const last = ranged && asked[2] !== "" ? Number(asked[2]) : found.length - 1;
  const end = Math.min(found.length, last + 1);
  const body = Buffer.from(found.subarray(start, end));
  const headers: Record<string, string> = {
    etag,
    "content-length": String(body.length),
    "accept-ranges": "bytes",
    "x-goog-generation": fault?.kind === "replaced" ? "1" : String(generation(found)),
  };
  if (ranged) {
    const from = fault?.kind === "wrong-range" ? start + 1 : start;
    headers["content-range"] = `bytes ${from}-${end - 1}/${found.length}`;
  } else if (request.headers["x-amz-checksum-mode"] === "ENABLED") {
    headers["x-amz-checksum-sha256"] = createHash("sha256").update(found).digest("base64");
  }
  return finish({ request, response, body, headers, fault, status: ranged ? 206 : 200 });
}

interface Finishing extends Omit<Sending, "found"> {
  readonly body: Buffer;
  readonly headers: Record<string, string>;
  readonly status: number;
}

function finish({ request, response, body, headers, fault, status }: Finishing): unknown {
  switch (fault?.kind) {
    case "truncate":
      response.writeHead(status, headers);
      response.write(body.subarray(0, fault.bytes));
      return setImmediate(() => request.socket.destroy());
    case "stall-in-body":
      response.writeHead(status, headers);
      return response.write(body.subarray(0, fault.bytes));
    case "trickle":
      response.writeHead(status, headers);
      return trickle(response, body, fault.everyMs);
    case "flip":
      body[body.length >> 1] = (body[body.length >> 1] ?? 0) ^ 1;
      break;
    case "no-length":
      delete headers["content-length"];
      response.useChunkedEncodingByDefault = false;
      response.shouldKeepAlive = false;
      response.writeHead(status, headers);
      return response.end(body.subarray(0, body.length >> 1));
    case "long": {
      const longer = Buffer.concat([body, Buffer.from("!")]);
      response.writeHead(status, { ...headers, "content-length": String(longer.length) });
      return response.end(longer);
    }
    case "gzip": {
      const zipped = gzipSync(body);
      const length = { "content-length": String(zipped.length), "content-encoding": "gzip" };
      response.writeHead(status, { ...headers, ...length });
      return response.end(zipped);
    }
    default:
      break;
  }
  response.writeHead(status, headers);
  return response.end(request.method === "HEAD" ? undefined : body);
}

/** A byte at a time. */
async function trickle(response: ServerResponse, body: Buffer, everyMs: number): Promise<void> {
  for (let at = 0; at < body.length && !response.destroyed; at += 1) {
    response.write(body.subarray(at, at + 1));
    await wait(everyMs);
  }
  response.end();
}
