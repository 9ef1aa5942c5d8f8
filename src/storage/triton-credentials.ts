import { readFile } from "node:fs/promises";
import { StorageError } from "../domain/storage.ts";
import type { Environment } from "./storage-config.ts";
import type { ModelUri } from "./uri.ts";

/**
 * Triton's file of credentials (TRITON_CLOUD_CREDENTIAL_PATH): by scheme and by the beginning of a
 * URI, of which the longest counts, `""` for all others. What it says wins over the environment's
 * own variables. Throws `unauthorized` where it cannot be read.
 */
export async function withTritonCredentials(uri: ModelUri, env: Environment): Promise<Environment> {
  const path = env["TRITON_CLOUD_CREDENTIAL_PATH"] ?? "";
  const address = addressOf(uri);
  if (path === "" || address === undefined) return env;
  const all = object(await contentOf(path));
  const own = object(all[address.scheme]);
  const prefix = Object.keys(own)
    .filter((one) => address.text === one || address.text.startsWith(withSlash(one)) || one === "")
    .sort((a, b) => b.length - a.length)[0];
  if (prefix === undefined) return env;
  return { ...env, ...overlays[address.scheme](own[prefix]) };
}

interface Address {
  readonly scheme: "s3" | "gs" | "as";
  readonly text: string;
}

function addressOf(uri: ModelUri): Address | undefined {
  switch (uri.scheme) {
    case "s3": {
      const place = uri.endpoint === undefined ? "" : `${uri.endpoint}/`;
      return { scheme: "s3", text: `s3://${place}${uri.bucket}/${uri.key}` };
    }
    case "gs":
      return { scheme: "gs", text: `gs://${uri.bucket}/${uri.key}` };
    case "azure": {
      const account = uri.origin === undefined ? "" : new URL(uri.origin).hostname.split(".")[0];
      return { scheme: "as", text: `as://${account}/${uri.container}/${uri.key}` };
    }
    default:
      return undefined;
  }
}

/** The variables that take the values, and those that would hide them. */
const overlays: Readonly<Record<Address["scheme"], (value: unknown) => Environment>> = {
  s3: (value) => {
    const { key_id, secret_key, session_token, region, profile } = object(value);
    return {
      ...given("AWS_ACCESS_KEY_ID", key_id),
      ...given("AWS_SECRET_ACCESS_KEY", secret_key),
      ...(key_id === undefined ? {} : { AWS_SESSION_TOKEN: text(session_token) ?? "" }),
      ...given("AWS_REGION", region),
      ...given("AWS_PROFILE", profile),
    };
  },
  gs: (value) => given("GOOGLE_APPLICATION_CREDENTIALS", value),
  as: (value) => {
    const { account_str, account_key } = object(value);
    return {
      ...given("AZURE_STORAGE_ACCOUNT", account_str),
      ...given("AZURE_STORAGE_ACCESS_KEY", account_key),
    };
  },
};

function given(name: string, value: unknown): Environment {
  const said = text(value);
  return said === undefined ? {} : { [name]: said };
}

function text(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

function withSlash(prefix: string): string {
  return prefix.endsWith("/") ? prefix : `${prefix}/`;
}

function object(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null
    ? Object.fromEntries(Object.entries(value))
    : {};
}

async function contentOf(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, "utf8"));
  } catch {
    // What it holds is not quoted: secrets.
    const what = `TRITON_CLOUD_CREDENTIAL_PATH: '${path}' is no JSON file that can be read`;
    throw new StorageError("unauthorized", what);
  }
}
