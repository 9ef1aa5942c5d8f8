import { Readable } from "node:stream";
import type { ContainerClient } from "@azure/storage-blob";
import { StorageError } from "../domain/storage.ts";
import { checkHost } from "./address.ts";
import type { Checksum } from "./checksum.ts";
import { relativePath } from "./contain.ts";
import { findAt, Pages, type StoredObject } from "./prefix.ts";
import type { Opened, Remote } from "./remote.ts";
import { storageErrorOf } from "./retry.ts";
import { statusError, type Transport } from "./transport.ts";
import type { ModelUri } from "./uri.ts";

/** Azure's blob storage, by its own library over our transport. */
export async function azureRemote(
  uri: Extract<ModelUri, { scheme: "azure" }>,
  transport: Transport,
): Promise<Remote> {
  const { openContainer } = await import("./azure-client.ts");
  const container = await openContainer(uri, transport);
  const { key } = uri;
  const url = new URL(container.url);
  checkHost(url.hostname, "named");
  return {
    identity: `azure:${url.origin}${url.pathname}/${key}`,
    list: (signal) =>
      findAt(key, {
        below: (prefix) => asStorage(url.host, () => listBelow(container, prefix, signal)),
        at: (name) => asStorage(url.host, () => properties(container, name, signal)),
      }),
    open: (file, range, signal) =>
      asStorage(url.host, async () => {
        const blob = container.getBlobClient(relativePath(file.key));
        const count = range === undefined ? undefined : range.end - range.start;
        const answer = await blob.download(range?.start, count, {
          abortSignal: signal,
          conditions: { ifMatch: file.version },
          maxRetryRequests: 0,
        });
        return openedBlob(answer);
      }),
    close: () => transport.close(),
  };
}

type Download = Awaited<ReturnType<ReturnType<ContainerClient["getBlobClient"]>["download"]>>;

function openedBlob(answer: Download): Opened {
  const body = answer.readableStreamBody;
  if (!(body instanceof Readable)) throw new StorageError("internal", "an answer without a body");
  const range = /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15})$/.exec(answer.contentRange ?? "");
  return {
    body,
    range:
      range === null
        ? undefined
        : { start: Number(range[1]), end: Number(range[2]) + 1, total: Number(range[3]) },
    bytes: answer.contentLength,
    encoding: answer.contentEncoding === "" ? undefined : answer.contentEncoding,
    checksum: md5(answer.blobContentMD5 ?? (range === null ? answer.contentMD5 : undefined)),
  };
}

function md5(bytes: Uint8Array | undefined): Checksum | undefined {
  if (bytes === undefined || bytes.length !== 16) return undefined;
  return { algorithm: "md5", hex: Buffer.from(bytes).toString("hex") };
}

async function listBelow(
  container: ContainerClient,
  prefix: string,
  signal: AbortSignal,
): Promise<readonly StoredObject[]> {
  const pages = new Pages();
  const options = { prefix, abortSignal: signal };
  for await (const { segment, continuationToken } of container.listBlobsFlat(options).byPage()) {
    const objects = segment.blobItems.map(({ name, properties: found }) => ({
      key: name,
      bytes: found.contentLength ?? 0,
      version: quoted(found.etag),
      checksum: md5(found.contentMD5),
    }));
    const next = continuationToken === "" ? undefined : continuationToken;
    if (pages.add(objects, next) === undefined) break;
  }
  return pages.objects;
}

async function properties(
  container: ContainerClient,
  key: string,
  signal: AbortSignal,
): Promise<StoredObject | undefined> {
  try {
    const blob = container.getBlobClient(relativePath(key));
    const found = await blob.getProperties({ abortSignal: signal });
    const { contentLength: bytes, etag = "", contentMD5 } = found;
    return { key, bytes, version: quoted(etag), checksum: md5(contentMD5) };
  } catch (error) {
    if (statusOf(error) === 404 || statusOf(error) === 403) return undefined;
    throw error;
  }
}

/** Listings have ETags without their quotes, conditions want them. */
function quoted(etag: string): string {
  return etag === "" || etag.startsWith('"') ? etag : `"${etag}"`;
}

function statusOf(error: unknown): number | undefined {
  const status: unknown = Object(error).statusCode;
  return typeof status === "number" ? status : undefined;
}

async function asStorage<T>(host: string, task: () => Promise<T>): Promise<T> {
  try {
    return await task();
  } catch (error) {
    if (error instanceof StorageError) throw error;
    const status = statusOf(error);
    if (status === undefined) throw identityError(error) ?? storageErrorOf(error);
    const code: unknown = Object(error).code;
    const said = typeof code === "string" && /^[\w.-]{1,64}$/.test(code) ? code : "";
    const answer = { status, headers: {}, body: Readable.from([]) };
    throw statusError(host, answer, said);
  }
}

/** Azure's identity library has errors of its own; their texts hold no secrets, but are long. */
function identityError(error: unknown): StorageError | undefined {
  const name = error instanceof Error ? error.name : "";
  if (!/Credential|Authentication/.test(name)) return undefined;
  return new StorageError("unauthorized", "Azure's identity service gives no token", {
    cause: error,
  });
}
