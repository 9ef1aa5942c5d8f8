import { StorageError } from "../domain/storage.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * KServe's storage spec: STORAGE_CONFIG, a JSON object, overlaid key by key with
 * STORAGE_OVERRIDE_CONFIG. What it says of S3 wins over the environment's own variables.
 */
export function withStorageConfig(env: Environment): Environment {
  const config = { ...object(env, "STORAGE_CONFIG"), ...object(env, "STORAGE_OVERRIDE_CONFIG") };
  if (Object.keys(config).length === 0) return env;
  if (config["type"] !== undefined && config["type"] !== "s3") return env;
  const overlay: Record<string, string | undefined> = {};
  for (const [key, names] of Object.entries(variables)) {
    const value = config[key];
    if (value === undefined || value === null) continue;
    for (const name of names) overlay[name] = undefined;
    if (names[0] !== undefined) overlay[names[0]] = String(value);
  }
  // Keys that are given are meant, even where the environment asks for anonymous access.
  if (config["access_key_id"] !== undefined && config["anonymous"] === undefined) {
    overlay["awsAnonymousCredential"] = undefined;
  }
  return { ...env, ...overlay };
}

/** The variable that takes the value; and those that would hide it. */
const variables: Readonly<Record<string, readonly string[]>> = {
  endpoint_url: ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "S3_ENDPOINT"],
  access_key_id: ["AWS_ACCESS_KEY_ID", "AWS_SESSION_TOKEN"],
  secret_access_key: ["AWS_SECRET_ACCESS_KEY"],
  region: ["AWS_REGION", "AWS_DEFAULT_REGION"],
  ca_bundle: ["AWS_CA_BUNDLE"],
  verify_ssl: ["S3_VERIFY_SSL"],
  anonymous: ["awsAnonymousCredential"],
};

function object(env: Environment, name: string): Readonly<Record<string, unknown>> {
  const text = env[name];
  if (text === undefined || text === "") return {};
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) {
      return Object.fromEntries(Object.entries(value));
    }
  } catch {
    // The refusal below does not quote it: it holds secrets.
  }
  throw new StorageError("bad-uri", `${name} is no JSON object`);
}

/** Whether a variable says yes: `true`, `1`, in any case. */
export function isYes(text: string | undefined): boolean {
  return /^(1|true|yes)$/i.test(text ?? "");
}

export function isNo(text: string | undefined): boolean {
  return /^(0|false|no)$/i.test(text ?? "");
}
