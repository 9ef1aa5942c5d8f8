import {
  AnonymousCredential,
  BlobServiceClient,
  type ContainerClient,
  type StoragePipelineOptions,
  StorageSharedKeyCredential,
} from "@azure/storage-blob";
import { StorageError } from "../domain/storage.ts";
import type { Environment } from "./storage-config.ts";
import { type Transport, textOf } from "./transport.ts";
import type { ModelUri } from "./uri.ts";

type AzureUri = Extract<ModelUri, { scheme: "azure" }>;
type HttpClient = NonNullable<StoragePipelineOptions["httpClient"]>;

/**
 * A container with the first credential that there is: a SAS of the URI's, of the environment's; a
 * connection string; an account key; an identity; none.
 */
export async function openContainer(uri: AzureUri, transport: Transport): Promise<ContainerClient> {
  const { env } = transport;
  const options: StoragePipelineOptions = {
    httpClient: overTransport(transport),
    retryOptions: { maxTries: 1 },
  };
  const service = await openService(uri, env, options);
  return service.getContainerClient(uri.container);
}

async function openService(
  uri: AzureUri,
  env: Environment,
  options: StoragePipelineOptions,
): Promise<BlobServiceClient> {
  const key = first(env, "AZURE_STORAGE_ACCESS_KEY", "AZURE_STORAGE_KEY");
  const keyIsSas = key?.includes("sig=") === true;
  const sas = uri.sas ?? first(env, "AZURE_STORAGE_SAS_TOKEN") ?? (keyIsSas ? key : undefined);
  const connection = first(env, "AZURE_STORAGE_CONNECTION_STRING");
  if (sas !== undefined) {
    const base = accountUrl(uri, env);
    const url = `${base}?${sas.replace(/^\?/, "")}`;
    return new BlobServiceClient(url, new AnonymousCredential(), options);
  }
  if (connection !== undefined && speaksFor(connection, uri)) {
    return fromConnectionString(connection, options);
  }
  const url = accountUrl(uri, env);
  if (key !== undefined) {
    const credential = sharedKey(accountOf(url), key);
    return new BlobServiceClient(url, credential, options);
  }
  const { identityFor } = await import("./azure-identity.ts");
  const identity = identityFor(env);
  return new BlobServiceClient(url, identity ?? new AnonymousCredential(), options);
}

function fromConnectionString(text: string, options: StoragePipelineOptions): BlobServiceClient {
  try {
    return BlobServiceClient.fromConnectionString(text, options);
  } catch {
    // Its own message may quote the key.
    throw new StorageError("unauthorized", "AZURE_STORAGE_CONNECTION_STRING cannot be read");
  }
}

function sharedKey(account: string, key: string): StorageSharedKeyCredential {
  return new StorageSharedKeyCredential(account, key);
}

/** A connection string is one account's: a URI that names another does not get it. */
function speaksFor(connection: string, { origin }: AzureUri): boolean {
  if (origin === undefined) return true;
  const account = /(?:^|;)\s*AccountName=([^;]+)/i.exec(connection)?.[1];
  return account === undefined || accountOf(origin) === account;
}

function accountUrl({ origin }: AzureUri, env: Environment): string {
  const service = first(env, "AZURE_SERVICE_URL");
  if (service !== undefined) return service.replace(/\/+$/, "");
  if (origin !== undefined) return origin;
  const account = first(env, "AZURE_STORAGE_ACCOUNT", "AZURE_ACCOUNT_NAME");
  if (account !== undefined) return `https://${account}.blob.core.windows.net`;
  throw new StorageError(
    "bad-uri",
    "az:// needs the account: AZURE_STORAGE_CONNECTION_STRING or AZURE_STORAGE_ACCOUNT",
  );
}

/** The first label of the host; emulators have it in the path. */
function accountOf(url: string): string {
  const { hostname, pathname } = new URL(url);
  const [label = ""] = hostname.split(".");
  const [, segment = ""] = pathname.split("/");
  return segment === "" ? label : segment;
}

function first(env: Environment, ...names: string[]): string | undefined {
  return names.map((name) => env[name]).find((value) => value !== undefined && value !== "");
}

/** The library's requests over our connections: their addresses are judged, redirects refused. */
function overTransport(transport: Transport): HttpClient {
  return {
    sendRequest: async (request) => {
      const headers: Record<string, string> = {};
      for (const { name, value } of request.headers.headersArray()) headers[name] = value;
      const method = request.method === "HEAD" ? "HEAD" : "GET";
      if (request.method !== method) {
        throw new StorageError("internal", `${request.method} to a store that is only read`);
      }
      const never = new AbortController().signal;
      // It is one by its shape; the library's type is of before there were signals.
      const signal = (request.abortSignal as AbortSignal | undefined) ?? never;
      const answer = await transport.send({ method, url: new URL(request.url), headers }, signal);
      if (answer.status >= 300 && answer.status < 400 && answer.status !== 304) {
        answer.body.destroy();
        throw new StorageError("redirect-refused", "a redirect that is not followed");
      }
      const replyHeaders = request.headers.clone();
      for (const name of replyHeaders.headerNames()) replyHeaders.remove(name);
      for (const [name, value] of Object.entries(answer.headers)) {
        replyHeaders.set(name, String(value));
      }
      const { status } = answer;
      const streamed = status === 200 || status === 206;
      if (streamed && wantsStream(request)) {
        return { request, status, headers: replyHeaders, readableStreamBody: answer.body };
      }
      const bodyAsText = method === "HEAD" ? "" : await textOf(answer);
      if (method === "HEAD") answer.body.resume();
      return { request, status, headers: replyHeaders, bodyAsText };
    },
  };
}

function wantsStream(request: Parameters<HttpClient["sendRequest"]>[0]): boolean {
  return (
    request.streamResponseStatusCodes !== undefined && request.streamResponseStatusCodes.size > 0
  );
}
