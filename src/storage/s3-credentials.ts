import { readFile } from "node:fs/promises";
import { metadataMsMax } from "../domain/limits.ts";
import { Secret } from "../domain/redact.ts";
import { StorageError } from "../domain/storage.ts";
import { type Environment, isYes } from "./storage-config.ts";
import { Renewed } from "./token.ts";
import {
  type Answer,
  errorText,
  jsonOf,
  statusError,
  type Transport,
  textOf,
} from "./transport.ts";

/** Who asks S3. `undefined`: nobody, the request is not signed. */
export interface S3Key {
  readonly id: string;
  readonly secret: Secret;
  readonly token: Secret | undefined;
}

export type S3Keys = Renewed<S3Key | undefined>;

/**
 * Where keys come from, in this order: none wanted; static; web identity (IRSA); a container's
 * agent (EKS Pod Identity, ECS); the AWS libraries' chain of profiles, SSO, processes and instance
 * metadata, imported only then; none.
 */
export function s3Keys(env: Environment, transport: Transport, region: string): S3Keys {
  if (isYes(env["awsAnonymousCredential"])) return fixed(undefined);
  const id = env["AWS_ACCESS_KEY_ID"] ?? "";
  const secret = env["AWS_SECRET_ACCESS_KEY"] ?? "";
  if (id !== "" && secret !== "") {
    const token = env["AWS_SESSION_TOKEN"] ?? "";
    return fixed({
      id,
      secret: new Secret(secret),
      token: token === "" ? undefined : new Secret(token),
    });
  }
  const context = { env, transport, region };
  if ((env["AWS_WEB_IDENTITY_TOKEN_FILE"] ?? "") !== "" && (env["AWS_ROLE_ARN"] ?? "") !== "") {
    return new Renewed(() => webIdentity(context));
  }
  const container = containerUrl(env);
  if (container !== undefined) return new Renewed(() => containerKeys(context, container));
  return new Renewed(() => chain(env, region));
}

function fixed(key: S3Key | undefined): S3Keys {
  return new Renewed(async () => ({ value: key, expiresMs: undefined }));
}

interface Context {
  readonly env: Environment;
  readonly transport: Transport;
  readonly region: string;
}

type Found = { value: S3Key | undefined; expiresMs: number | undefined };

/** AssumeRoleWithWebIdentity; the token file is read at every renewal, since it is replaced. */
async function webIdentity({ env, transport, region }: Context): Promise<Found> {
  const token = await readToken(env["AWS_WEB_IDENTITY_TOKEN_FILE"] ?? "");
  const china = region.startsWith("cn-") ? ".cn" : "";
  const host = `https://sts.${region}.amazonaws.com${china}`;
  const url = new URL(env["AWS_ENDPOINT_URL_STS"] ?? host);
  const body = new URLSearchParams({
    Action: "AssumeRoleWithWebIdentity",
    Version: "2011-06-15",
    RoleArn: env["AWS_ROLE_ARN"] ?? "",
    RoleSessionName: env["AWS_ROLE_SESSION_NAME"] ?? "thaw",
    WebIdentityToken: token.reveal(),
  });
  const answer = await transport.send(
    {
      method: "POST",
      url,
      headers: { "content-type": "application/x-www-form-urlencoded" },
      body: body.toString(),
    },
    AbortSignal.timeout(15_000),
  );
  const text = await successText(url, answer);
  const field = (name: string) => new RegExp(`<${name}>([^<]+)</${name}>`).exec(text)?.[1];
  return keyOf({
    id: field("AccessKeyId"),
    secret: field("SecretAccessKey"),
    token: field("SessionToken"),
    expires: field("Expiration"),
  });
}

const containerHosts = ["169.254.170.2", "169.254.170.23", "[fd00:ec2::23]"];

function containerUrl(env: Environment): URL | undefined {
  const relative = env["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"] ?? "";
  if (relative !== "") return new URL(relative, "http://169.254.170.2");
  const full = env["AWS_CONTAINER_CREDENTIALS_FULL_URI"] ?? "";
  if (full === "") return undefined;
  const url = URL.canParse(full) ? new URL(full) : undefined;
  const host = url?.hostname ?? "";
  const loopback = host === "localhost" || host === "[::1]" || /^127\./.test(host);
  if (url?.protocol === "https:" || loopback || containerHosts.includes(host)) return url;
  const what = "AWS_CONTAINER_CREDENTIALS_FULL_URI names a host that is no credential agent's";
  throw new StorageError("address-refused", what);
}

async function containerKeys({ env, transport }: Context, url: URL): Promise<Found> {
  const file = env["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"] ?? "";
  const given = env["AWS_CONTAINER_AUTHORIZATION_TOKEN"] ?? "";
  const token = file === "" ? new Secret(given) : await readToken(file);
  const headers: Record<string, string> =
    token.reveal() === "" ? {} : { authorization: token.reveal() };
  const ask = { url, headers, metadata: true, idleMsMax: metadataMsMax };
  const answer = await transport.send(ask, AbortSignal.timeout(5_000));
  if (answer.status !== 200) throw statusError(url.host, answer, await discarded(answer));
  const value = Object(await jsonOf(answer));
  return keyOf({
    id: value.AccessKeyId,
    secret: value.SecretAccessKey,
    token: value.Token,
    expires: value.Expiration,
  });
}

/** What the AWS libraries find elsewhere; nothing means anonymous. */
async function chain(env: Environment, region: string): Promise<Found> {
  const { awsChain } = await import("./aws-chain.ts");
  const found = await awsChain(env, region);
  if (found === undefined) return { value: undefined, expiresMs: undefined };
  const { accessKeyId, secretAccessKey, sessionToken, expiration } = found;
  return {
    value: {
      id: accessKeyId,
      secret: new Secret(secretAccessKey),
      token: sessionToken === undefined ? undefined : new Secret(sessionToken),
    },
    expiresMs: expiration?.getTime(),
  };
}

type Field = string | undefined;
interface Fields {
  readonly id: Field;
  readonly secret: Field;
  readonly token: Field;
  readonly expires: Field;
}

function keyOf({ id, secret, token, expires }: Fields): Found {
  if (typeof id !== "string" || typeof secret !== "string") {
    throw new StorageError("unauthorized", "the token service's answer has no keys");
  }
  const expiresMs = expires === undefined ? Number.NaN : Date.parse(expires);
  return {
    value: { id, secret: new Secret(secret), token: token ? new Secret(token) : undefined },
    expiresMs: Number.isNaN(expiresMs) ? undefined : expiresMs,
  };
}

async function readToken(path: string): Promise<Secret> {
  try {
    return new Secret((await readFile(path, "utf8")).trim());
  } catch (cause) {
    throw new StorageError("unauthorized", `the token file '${path}' cannot be read`, { cause });
  }
}

async function successText(url: URL, answer: Answer): Promise<string> {
  if (answer.status === 200) return textOf(answer);
  const code = /<Code>([\w.-]{1,64})<\/Code>/.exec(await errorText(answer))?.[1];
  const refused = answer.status === 400 || answer.status === 403;
  if (!refused) throw statusError(url.host, answer, code);
  throw new StorageError("unauthorized", `${url.host} gives no keys (${code ?? answer.status})`);
}

async function discarded(answer: Answer): Promise<string> {
  await errorText(answer);
  return "";
}
