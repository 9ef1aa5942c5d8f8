import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Sha256 } from "@aws-crypto/sha256-js";
import { GetObjectCommand, ListObjectsV2Command, S3Client } from "@aws-sdk/client-s3";
import { SignatureV4 } from "@smithy/signature-v4";
import { afterEach, describe, expect, it } from "vitest";
import { withStorageConfig } from "../../src/storage/storage-config.ts";
import { Renewed } from "../../src/storage/token.ts";
import { withTritonCredentials } from "../../src/storage/triton-credentials.ts";
import { parseUri } from "../../src/storage/uri.ts";
import type { Seen } from "./object-server.ts";
import { type Bench, openBench, secrets } from "./schemes.ts";

let bench: Bench | undefined;

afterEach(async () => {
  await bench?.close();
  bench = undefined;
});

const files = { "m/a": Buffer.from("1") };
const objects = { bucket: files, "org/repo": files };

async function pull(uri: string): Promise<unknown> {
  if (bench === undefined) throw new Error("no bench. This is a bug.");
  try {
    const source = await bench.sources.resolve(uri);
    await (await bench.sources.fetch(source, ["a"])).release();
    return "pulled";
  } catch (error) {
    return error;
  }
}

/** Refuses what the AWS libraries' own signer would not have signed so. */
function signedBy(keys: { id: string; secret: string; token?: string; region?: string }) {
  return async ({ method, url, headers }: Seen) => {
    const authorization = String(headers.authorization ?? "");
    const names = /SignedHeaders=([^,]+)/.exec(authorization)?.[1]?.split(";") ?? [];
    const date = String(headers["x-amz-date"]);
    const target = new URL(url, `http://${headers.host}`);
    const signer = new SignatureV4({
      service: "s3",
      region: keys.region ?? "us-east-1",
      credentials: {
        accessKeyId: keys.id,
        secretAccessKey: keys.secret,
        ...(keys.token === undefined ? {} : { sessionToken: keys.token }),
      },
      sha256: Sha256,
      uriEscapePath: false,
      applyChecksum: true,
    });
    const signed = await signer.sign(
      {
        method,
        protocol: "http:",
        hostname: target.hostname,
        path: target.pathname,
        query: Object.fromEntries(target.searchParams),
        headers: Object.fromEntries(names.map((name) => [name, String(headers[name])])),
      },
      { signingDate: new Date(date.replace(/(....)(..)(..T..)(..)(..)/, "$1-$2-$3:$4:$5")) },
    );
    const signature = /Signature=(\w+)/.exec(signed.headers["authorization"] ?? "")?.[1];
    expect(/Signature=(\w+)/.exec(authorization)?.[1]).toBe(signature);
  };
}

async function checkAll(check: (seen: Seen) => Promise<void>): Promise<void> {
  expect(bench?.server.seen.length).toBeGreaterThan(1);
  for (const seen of bench?.server.seen ?? []) await check(seen);
}

describe("S3's signatures", () => {
  it("are those of the AWS libraries, for awkward keys too", async () => {
    const awkward = ["a b+c", "%20", "&=?#", "'()*!", "[]{}|^", "字", "~-_."];
    const odd = Object.fromEntries(awkward.map((key) => [`m ü/${key}`, Buffer.from(key)]));
    bench = await openBench({ bucket: odd });
    const source = await bench.sources.resolve("s3://bucket/m ü");
    await (await bench.sources.fetch(source, awkward)).release();
    await checkAll(signedBy({ id: "AKIDEXAMPLE", secret: secrets.key }));
  });

  it("hold a session token", async () => {
    bench = await openBench(objects, { AWS_SESSION_TOKEN: "session", AWS_REGION: "eu-north-1" });
    expect(await pull("s3://bucket/m")).toBe("pulled");
    const keys = { id: "AKIDEXAMPLE", secret: secrets.key, token: "session" };
    await checkAll(signedBy({ ...keys, region: "eu-north-1" }));
  });

  it("are absent from anonymous requests", async () => {
    bench = await openBench(objects, { awsAnonymousCredential: "true" });
    expect(await pull("s3://bucket/m")).toBe("pulled");
    for (const { headers } of bench.server.seen) expect(headers.authorization).toBeUndefined();
  });

  it("are made again for the region that the store names", async () => {
    bench = await openBench(objects);
    const { server } = bench;
    server.guard = ({ headers }) =>
      String(headers.authorization).includes("/eu-west-3/s3/")
        ? undefined
        : { status: 400, code: "AuthorizationHeaderMalformed", region: "eu-west-3" };
    expect(await pull("s3://bucket/m")).toBe("pulled");
  });
});

describe("the official library", () => {
  it("reads from our fake what we read", async () => {
    bench = await openBench(objects);
    const client = new S3Client({
      endpoint: bench.server.origin,
      region: "us-east-1",
      forcePathStyle: true,
      credentials: { accessKeyId: "AKIDEXAMPLE", secretAccessKey: secrets.key },
    });
    const list = await client.send(new ListObjectsV2Command({ Bucket: "bucket", Prefix: "m/" }));
    expect(list.Contents?.map(({ Key, Size }) => [Key, Size])).toEqual([["m/a", 1]]);
    const got = await client.send(new GetObjectCommand({ Bucket: "bucket", Key: "m/a" }));
    expect(await got.Body?.transformToString()).toBe("1");
    client.destroy();
  });
});

const noKeys = { AWS_ACCESS_KEY_ID: "", AWS_SECRET_ACCESS_KEY: "" };
const soon = () => new Date(Date.now() + 3_600_000).toISOString();

describe("keys of S3", () => {
  it("come from a web identity, whose token file is read at each renewal", async () => {
    const folder = await mkdtemp(join(tmpdir(), "thaw-token-"));
    await writeFile(join(folder, "token"), "TOKEN-ONE\n");
    bench = await openBench(objects, { ...noKeys, AWS_ROLE_ARN: "arn:role" });
    const { server } = bench;
    const bodies: string[] = [];
    let guardOnce = true;
    server.route = ({ method }, body) => {
      if (method !== "POST") return undefined;
      bodies.push(body);
      return `<R><AccessKeyId>ID${bodies.length}</AccessKeyId><SecretAccessKey>S</SecretAccessKey><SessionToken>T</SessionToken><Expiration>${soon()}</Expiration></R>`;
    };
    server.guard = ({ headers }) => {
      if (!String(headers.authorization).includes("ID1") || !guardOnce) return undefined;
      guardOnce = false;
      return { status: 400, code: "ExpiredToken" };
    };
    const env = {
      ...noKeys,
      AWS_ENDPOINT_URL: server.origin,
      AWS_ENDPOINT_URL_STS: server.origin,
      AWS_ROLE_ARN: "arn:role",
      AWS_WEB_IDENTITY_TOKEN_FILE: join(folder, "token"),
    };
    const sources = bench.again({ env });
    const source = await sources.resolve("s3://bucket/m");
    expect(source.files).toHaveLength(1);
    expect(bodies.length).toBeGreaterThanOrEqual(2);
    for (const body of bodies) expect(body).toContain("WebIdentityToken=TOKEN-ONE");
    expect(bench.log.lines.join()).not.toContain("TOKEN-ONE");
  });

  it("come from a container's agent, and only from one", async () => {
    bench = await openBench(objects, noKeys);
    const { server } = bench;
    server.route = ({ url }) =>
      url === "/keys"
        ? { AccessKeyId: "AGENT", SecretAccessKey: "S", Token: "T", Expiration: soon() }
        : undefined;
    const env = { ...noKeys, AWS_ENDPOINT_URL: server.origin };
    const full = { ...env, AWS_CONTAINER_CREDENTIALS_FULL_URI: `${server.origin}/keys` };
    await bench.again({ env: full }).resolve("s3://bucket/m");
    expect(server.seen.some(({ headers }) => headers.authorization?.includes("AGENT"))).toBe(true);
    const wrong = { ...env, AWS_CONTAINER_CREDENTIALS_FULL_URI: "http://evil.example/keys" };
    const refused = bench.again({ env: wrong }).resolve("s3://bucket/m");
    await expect(refused).rejects.toMatchObject({ kind: "address-refused" });
  });
});

describe("the storage spec", () => {
  it("wins over the environment, and its override over it", () => {
    const env = withStorageConfig({
      AWS_ACCESS_KEY_ID: "env",
      AWS_SESSION_TOKEN: "env",
      AWS_ENDPOINT_URL_S3: "http://env",
      awsAnonymousCredential: "true",
      STORAGE_CONFIG: JSON.stringify({ type: "s3", access_key_id: "spec", region: "a" }),
      STORAGE_OVERRIDE_CONFIG: JSON.stringify({ region: "b", endpoint_url: "http://spec" }),
    });
    expect(env).toMatchObject({
      AWS_ACCESS_KEY_ID: "spec",
      AWS_REGION: "b",
      AWS_ENDPOINT_URL: "http://spec",
    });
    expect(env["AWS_SESSION_TOKEN"]).toBeUndefined();
    expect(env["AWS_ENDPOINT_URL_S3"]).toBeUndefined();
    expect(env["awsAnonymousCredential"]).toBeUndefined();
  });

  it.each(["{", "[]", '"SECRET"'])("that is no object is refused without quoting it", (text) => {
    expect(() => withStorageConfig({ STORAGE_CONFIG: text })).toThrow(
      "STORAGE_CONFIG is no JSON object",
    );
  });
});

describe("tokens", () => {
  it("of the Hub go to the Hub, and not to where it redirects", async () => {
    bench = await openBench(objects);
    bench.server.fault = () => ({ kind: "redirect", to: "http://localhost:1/x" });
    expect(await pull("hf://org/repo/m")).toMatchObject({ kind: "address-refused" });
    expect(bench.server.seen[0]?.headers.authorization).toBe(`Bearer ${secrets.token}`);
  });

  it("of a machine's own account come from the metadata server, and are left out once", async () => {
    bench = await openBench(objects);
    const { server } = bench;
    server.route = ({ url, headers }) =>
      url.startsWith("/computeMetadata") && headers["metadata-flavor"] === "Google"
        ? { access_token: "METADATA", expires_in: 3_600 }
        : undefined;
    server.guard = ({ headers }) =>
      headers.authorization === undefined ? undefined : { status: 403, code: "no" };
    const host = `127.0.0.1:${server.port}`;
    const env = { STORAGE_EMULATOR_HOST: server.origin, GCE_METADATA_HOST: host };
    const source = await bench.again({ env }).resolve("gs://bucket/m");
    expect(source.files).toHaveLength(1);
    const sent = server.seen.map(({ headers }) => headers.authorization);
    expect(sent).toContain("Bearer METADATA");
  });

  it("are renewed before their end, once for all who ask", async () => {
    let renewals = 0;
    const token = new Renewed(async () => {
      renewals += 1;
      return { value: renewals, expiresMs: Date.now() + 60 };
    });
    expect(await Promise.all([token.get(), token.get()])).toEqual([1, 1]);
    token.forget();
    expect(await token.get()).toBe(2);
  });

  it("in headers of the operator's go to their host", async () => {
    bench = await openBench({ bucket: { a: Buffer.from("1") } });
    expect(await pull(`${bench.server.origin}/bucket/a`)).toBe("pulled");
    for (const { headers } of bench.server.seen) {
      expect(headers.authorization).toBe(secrets.header);
    }
  });
});

describe("Triton's file of credentials", () => {
  const file = async (content: unknown) => {
    const path = join(await mkdtemp(join(tmpdir(), "thaw-triton-")), "credentials.json");
    await writeFile(path, typeof content === "string" ? content : JSON.stringify(content));
    return { TRITON_CLOUD_CREDENTIAL_PATH: path, AWS_REGION: "eu-west-1" };
  };
  const overlay = async (uri: string, content: unknown) =>
    withTritonCredentials(parseUri(uri), await file(content));
  const s3 = {
    "": { key_id: "other", secret_key: "o" },
    "s3://bucket": { key_id: "own", secret_key: "s", region: "us-west-2" },
    "s3://bucket/deep": { key_id: "deep", secret_key: "d", session_token: "t" },
  };

  it("goes by the longest beginning of the URI", async () => {
    expect(await overlay("s3://bucket/m", { s3 })).toMatchObject({
      AWS_ACCESS_KEY_ID: "own",
      AWS_SECRET_ACCESS_KEY: "s",
      AWS_SESSION_TOKEN: "",
      AWS_REGION: "us-west-2",
    });
    expect(await overlay("s3://bucket/deep/m", { s3 })).toMatchObject({
      AWS_ACCESS_KEY_ID: "deep",
      AWS_SESSION_TOKEN: "t",
    });
    // A bucket whose name begins alike is another.
    expect(await overlay("s3://bucket2/m", { s3 })).toMatchObject({ AWS_ACCESS_KEY_ID: "other" });
    expect(await overlay("gs://b/m", { gs: { "": "/key.json" } })).toMatchObject({
      GOOGLE_APPLICATION_CREDENTIALS: "/key.json",
    });
    const as = { "": { account_str: "acct", account_key: "k" } };
    expect(await overlay("as://acct/c/m", { as })).toMatchObject({
      AZURE_STORAGE_ACCOUNT: "acct",
      AZURE_STORAGE_ACCESS_KEY: "k",
    });
    expect(await overlay("s3://bucket/m", {})).not.toHaveProperty("AWS_ACCESS_KEY_ID");
  });

  it("signs with what it says", async () => {
    const keys = { id: "AKTRITON", secret: "tritonsecret", region: "eu-west-1" };
    const content = { s3: { "": { key_id: keys.id, secret_key: keys.secret } } };
    bench = await openBench(objects, await file(content));
    expect(await pull("s3://bucket/m")).toBe("pulled");
    await checkAll(signedBy(keys));
  });

  it("that cannot be read is said without what it holds", async () => {
    bench = await openBench(objects, await file("not JSON: SECRET"));
    const error = String(await pull("s3://bucket/m"));
    expect(error).toMatch(/TRITON_CLOUD_CREDENTIAL_PATH: .* is no JSON file/);
    expect(error).not.toContain("SECRET");
  });
});
