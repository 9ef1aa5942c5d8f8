import { AwsV4Signer } from "aws4fetch";
import { StorageError } from "../domain/storage.ts";
import { type Algorithm, type Checksum, fromBase64 } from "./checksum.ts";
import { relativePath, urlPath } from "./contain.ts";
import { lengthOf, opened, rangeHeader } from "./http.ts";
import { findAt, Pages, type StoredObject } from "./prefix.ts";
import type { Remote, RemoteFile } from "./remote.ts";
import { type S3Keys, s3Keys } from "./s3-credentials.ts";
import { parseS3Page } from "./s3-list.ts";
import { type Environment, isNo, isYes, withStorageConfig } from "./storage-config.ts";
import { type Answer, errorText, statusError, type Transport, textOf } from "./transport.ts";
import { readBundle } from "./trust.ts";
import type { ModelUri } from "./uri.ts";

/** S3, and whatever speaks its language. */

type S3Uri = Extract<ModelUri, { scheme: "s3" }>;

export function s3Remote(uri: S3Uri, plain: Transport): Remote {
  const env = withStorageConfig(plain.env);
  const transport = trusting(plain, env);
  const place = bucketPlace(uri, env);
  const client = new S3Client(place, transport, s3Keys(env, transport, place.region));
  const { bucket, key } = uri;
  return {
    identity: `s3:${place.origin ?? "aws"}/${bucket}/${key}`,
    list: (signal) =>
      findAt(key, {
        below: (prefix) => listBelow(client, prefix, signal),
        at: (name) => head(client, name, signal),
      }),
    open: async (file, range, signal) => {
      const headers = {
        "if-match": file.version,
        ...rangeHeader(range),
        ...(range === undefined ? { "x-amz-checksum-mode": "ENABLED" } : {}),
      };
      const answer = await client.send({ key: file.key, headers, signal });
      refuseOther(file, answer);
      return opened(answer, range === undefined ? checksumIn(answer) : undefined);
    },
    checksum: async (file, signal) => {
      const headers = { "if-match": file.version, "x-amz-checksum-mode": "ENABLED" };
      const answer = await client.send({ method: "HEAD", key: file.key, headers, signal });
      answer.body.resume();
      return checksumIn(answer);
    },
    close: () => {
      transport.close();
      plain.close();
    },
  };
}

/** AWS_CA_BUNDLE and S3_VERIFY_SSL are for S3 alone. */
function trusting(plain: Transport, env: Environment): Transport {
  const bundle = env["AWS_CA_BUNDLE"] ?? "";
  const tls = {
    ...(bundle === "" ? {} : { ca: [readBundle(bundle)] }),
    ...(isNo(env["S3_VERIFY_SSL"]) ? { verify: false } : {}),
  };
  return Object.keys(tls).length === 0 ? plain : plain.trusting(tls);
}

interface BucketPlace {
  readonly bucket: string;
  readonly region: string;
  /** undefined: AWS itself. */
  readonly origin: string | undefined;
  /** The bucket in the host's name. */
  readonly virtual: boolean;
  readonly accelerate: boolean;
}

function bucketPlace({ endpoint, bucket }: S3Uri, env: Environment): BucketPlace {
  const region = first(env, "AWS_REGION", "AWS_DEFAULT_REGION") ?? "us-east-1";
  const given = endpoint ?? configuredEndpoint(env);
  // The old global endpoint is the regional one by another name.
  const aws = given === undefined || /^https?:\/\/s3\.amazonaws\.com\/?$/.test(given);
  const wanted = env["S3_USER_VIRTUAL_BUCKET"];
  const virtual = aws ? !bucket.includes(".") && !isNo(wanted) : isYes(wanted);
  const accelerate = aws && isYes(env["S3_USE_ACCELERATE"]);
  if (aws) return { bucket, region, origin: undefined, virtual, accelerate };
  if (!URL.canParse(given)) {
    throw new StorageError("bad-uri", "the endpoint of S3 in the environment is no URL");
  }
  return { bucket, region, origin: new URL(given).origin, virtual, accelerate };
}

function configuredEndpoint(env: Environment): string | undefined {
  const url = first(env, "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL");
  const host = first(env, "S3_ENDPOINT");
  if (url !== undefined || host === undefined) return url;
  if (/^https?:\/\//.test(host)) return host;
  return `${isNo(env["S3_USE_HTTPS"]) ? "http" : "https"}://${host}`;
}

function first(env: Environment, ...names: string[]): string | undefined {
  return names.map((name) => env[name]).find((value) => value !== undefined && value !== "");
}

interface S3Ask {
  readonly method?: "GET" | "HEAD";
  /** undefined: the bucket itself. */
  readonly key?: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

/** Signed requests to one bucket; it learns the bucket's region, and renews keys once. */
class S3Client {
  readonly #place: BucketPlace;
  readonly #transport: Transport;
  readonly #keys: S3Keys;
  #region: string;
  #skewMs = 0;

  constructor(place: BucketPlace, transport: Transport, keys: S3Keys) {
    this.#place = place;
    this.#transport = transport;
    this.#keys = keys;
    this.#region = place.region;
  }

  /** A successful answer. Rejects with StorageError for any other. */
  async send(ask: S3Ask): Promise<Answer> {
    // Another request may learn the region while this one is under way.
    const askedIn = this.#region;
    const answer = await this.#once(ask);
    if (isSuccess(answer)) return answer;
    const code = await errorCode(answer);
    if (!this.#learns(answer, code, askedIn)) throw s3Error(this.#url(ask).host, answer, code);
    const second = await this.#once(ask);
    if (isSuccess(second)) return second;
    throw s3Error(this.#url(ask).host, second, await errorCode(second));
  }

  /** Whether the answer says what was wrong, so that the same request may now succeed. */
  #learns({ status, headers }: Answer, code: string, askedIn: string): boolean {
    const region = headers["x-amz-bucket-region"];
    if (typeof region === "string" && region !== askedIn && /^[a-z0-9-]+$/.test(region)) {
      this.#region = region;
      return true;
    }
    if (code === "RequestTimeTooSkewed") {
      const serverMs = Date.parse(headers.date ?? "");
      if (Number.isNaN(serverMs)) return false;
      this.#skewMs = serverMs - Date.now();
      return true;
    }
    const expired = ["ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired"];
    // The answer to a HEAD has no body that could say it.
    const mute = status === 400 && code === "";
    if (!expired.includes(code) && status !== 401 && !mute) return false;
    this.#keys.forget();
    return true;
  }

  async #once(ask: S3Ask): Promise<Answer> {
    const { method = "GET", headers = {}, signal } = ask;
    const url = this.#url(ask);
    const key = await this.#keys.get();
    if (key === undefined) return this.#transport.send({ method, url, headers }, signal);
    const signer = new AwsV4Signer({
      method,
      url: url.href,
      headers: { ...headers, "x-amz-content-sha256": emptySha256 },
      accessKeyId: key.id,
      secretAccessKey: key.secret.reveal(),
      ...(key.token === undefined ? {} : { sessionToken: key.token.reveal() }),
      service: "s3",
      region: this.#region,
      datetime: amzDate(Date.now() + this.#skewMs),
    });
    const signed = await signer.sign();
    const sent = Object.fromEntries([...signed.headers].filter(([name]) => name !== "host"));
    return this.#transport.send({ method, url, headers: sent }, signal);
  }

  #url({ key, query = {} }: S3Ask): URL {
    const { bucket, origin, virtual, accelerate } = this.#place;
    const base = new URL(origin ?? awsOrigin(this.#region, accelerate));
    if (virtual) base.hostname = `${bucket}.${base.hostname}`;
    const object = key === undefined ? "" : urlPath(relativePath(key));
    const path = virtual ? `/${object}` : `/${bucket}${key === undefined ? "" : `/${object}`}`;
    base.pathname = path;
    if (base.pathname !== path) {
      throw new StorageError("unsafe-path", "a key that is another path in a URL");
    }
    const pairs = Object.entries(query).map(
      ([name, value]) => `${name}=${encodeURIComponent(value)}`,
    );
    base.search = pairs.join("&");
    return base;
  }
}

const emptySha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

function awsOrigin(region: string, accelerate: boolean): string {
  if (accelerate) return "https://s3-accelerate.amazonaws.com";
  return `https://s3.${region}.amazonaws.com${region.startsWith("cn-") ? ".cn" : ""}`;
}

function amzDate(wallMs: number): string {
  return new Date(wallMs).toISOString().replace(/[:-]|\.\d{3}/g, "");
}

function isSuccess({ status }: Answer): boolean {
  return status >= 200 && status < 300;
}

async function errorCode(answer: Answer): Promise<string> {
  return /<Code>([\w.-]{1,64})<\/Code>/.exec(await errorText(answer))?.[1] ?? "";
}

function s3Error(host: string, answer: Answer, code: string): StorageError {
  if (["RequestTimeout", "InternalError", "SlowDown", "ServiceUnavailable"].includes(code)) {
    return new StorageError("unavailable", `${host} answered ${answer.status} (${code})`);
  }
  if (code === "ExpiredToken") return new StorageError("unauthorized", `${host}: the keys expired`);
  return statusError(host, answer, code);
}

async function listBelow(
  client: S3Client,
  prefix: string,
  signal: AbortSignal,
): Promise<readonly StoredObject[]> {
  const pages = new Pages();
  let token: string | undefined;
  do {
    const query = {
      ...(token === undefined ? {} : { "continuation-token": token }),
      "encoding-type": "url",
      "list-type": "2",
      prefix,
    };
    const { objects, next } = parseS3Page(await textOf(await client.send({ query, signal })));
    const found = objects.map(({ key, bytes, etag }) => ({ key, bytes, version: etag }));
    token = pages.add(found, next);
  } while (token !== undefined);
  return pages.objects;
}

/** The object of exactly this key; whatever else is wrong, the listing says it better. */
async function head(
  client: S3Client,
  key: string,
  signal: AbortSignal,
): Promise<StoredObject | undefined> {
  try {
    const answer = await client.send({ method: "HEAD", key, signal });
    answer.body.resume();
    return { key, bytes: lengthOf(answer), version: answer.headers.etag ?? "" };
  } catch (error) {
    const kind = error instanceof StorageError ? error.kind : "internal";
    if (["not-found", "forbidden", "internal"].includes(kind)) return undefined;
    throw error;
  }
}

function refuseOther(file: RemoteFile, answer: Answer): void {
  const found = answer.headers.etag;
  if (found === undefined || file.version === "" || found === file.version) return;
  answer.body.destroy();
  throw new StorageError("changed", `'${file.path}' was replaced while it was read`);
}

const algorithms: readonly Algorithm[] = ["sha256", "sha1", "crc32c", "crc32", "crc64nvme"];

/** The checksum of the whole object; those of multipart uploads end in `-parts` and are none. */
function checksumIn({ headers }: Answer): Checksum | undefined {
  for (const algorithm of algorithms) {
    const text = headers[`x-amz-checksum-${algorithm}`];
    if (typeof text === "string" && !text.includes("-")) return fromBase64(algorithm, text);
  }
  return undefined;
}
