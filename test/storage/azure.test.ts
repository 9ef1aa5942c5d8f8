import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  BlobServiceClient,
  ContainerSASPermissions,
  generateBlobSASQueryParameters,
  StorageSharedKeyCredential,
} from "@azure/storage-blob";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { pullPartBytes } from "../../src/domain/limits.ts";
import { type Bench, openBench } from "./schemes.ts";

/** Azure's blobs, against Azurite, which is Microsoft's own emulator. */

const account = "devstoreaccount1";
/** Published with the emulator. */
const key =
  "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

/** Set by `npm run test:storage`, which installs it. */
const azurite = process.env["THAW_AZURITE"];

let emulator: ChildProcess | undefined;
let origin = "";
let bench: Bench;

beforeAll(async () => {
  if (azurite === undefined) return;
  const folder = await mkdtemp(join(tmpdir(), "thaw-azurite-"));
  const main = createRequire(azurite ?? "").resolve("azurite/dist/src/blob/main.js");
  const flags = ["--blobHost", "127.0.0.1", "--blobPort", "0"];
  const more = ["--skipApiVersionCheck", "--disableTelemetry", "--inMemoryPersistence"];
  emulator = spawn(process.execPath, [main, ...flags, ...more], { cwd: folder });
  origin = await new Promise<string>((resolve, reject) => {
    let said = "";
    emulator?.stdout?.on("data", (chunk) => {
      said += chunk;
      const url = /http:\/\/127\.0\.0\.1:\d+/.exec(said)?.[0];
      if (url !== undefined && said.includes("successfully listen")) resolve(url);
    });
    emulator?.once("exit", () => reject(new Error(`Azurite ended: ${said}`)));
  });
  const credential = new StorageSharedKeyCredential(account, key);
  const service = new BlobServiceClient(`${origin}/${account}`, credential);
  const container = service.getContainerClient("models");
  await container.create();
  for (const [name, body] of Object.entries(blobs)) {
    await container.getBlockBlobClient(name).uploadData(body);
  }
  bench = await openBench({});
}, 30_000);

afterAll(async () => {
  await bench?.close();
  emulator?.kill();
});

const large = Buffer.alloc(pullPartBytes + 7, "azure ");
const blobs = {
  "m/a b+c": Buffer.from("1"),
  "m/sub/ü": Buffer.from("2"),
  "m/empty": Buffer.of(),
  "m2/x": Buffer.from("no"),
  "big/model.bin": large,
};

function connection(secret: string): string {
  return `DefaultEndpointsProtocol=http;AccountName=${account};AccountKey=${secret};BlobEndpoint=${origin}/${account};`;
}

async function read(env: Record<string, string>, uri: string): Promise<Record<string, string>> {
  const sources = bench.again({ env, idleMsMax: 5_000 });
  const source = await sources.resolve(uri);
  const paths = source.files.map(({ path }) => path);
  const snapshot = await sources.fetch(source, paths);
  const texts: Record<string, string> = {};
  for (const path of paths) texts[path] = await readFile(join(snapshot.folder, path), "utf8");
  await snapshot.release();
  return texts;
}

const folder = { "a b+c": "1", "sub/ü": "2", empty: "" };

describe.skipIf(azurite === undefined)("Azure", () => {
  it("is read with a connection string", async () => {
    const env = { AZURE_STORAGE_CONNECTION_STRING: connection(key) };
    expect(await read(env, "az://models/m")).toEqual(folder);
  });

  it("is read with an account's key", async () => {
    const service = { AZURE_SERVICE_URL: `${origin}/${account}` };
    const env = { ...service, AZURE_STORAGE_ACCESS_KEY: key };
    expect(await read(env, "az://models/m")).toEqual(folder);
  });

  it("is read with a SAS, in the environment, in the URI, and as KServe's key", async () => {
    const credential = new StorageSharedKeyCredential(account, key);
    const values = { containerName: "models", expiresOn: new Date(Date.now() + 3_600_000) };
    const sasFor = (rights: string) => {
      const permissions = ContainerSASPermissions.parse(rights);
      return generateBlobSASQueryParameters({ ...values, permissions }, credential).toString();
    };
    const service = { AZURE_SERVICE_URL: `${origin}/${account}` };
    for (const name of ["AZURE_STORAGE_SAS_TOKEN", "AZURE_STORAGE_ACCESS_KEY"]) {
      expect(await read({ ...service, [name]: sasFor("rl") }, "az://models/m")).toEqual(folder);
    }
    expect(await read(service, `az://models/m?${sasFor("rl")}`)).toEqual(folder);
    // A right to read is none to list.
    const file = await read(service, `az://models/m/a b+c?${sasFor("r")}`);
    expect(file).toEqual({ "a b+c": "1" });
    const refused = read(service, `az://models/m?${sasFor("r")}`);
    await expect(refused).rejects.toMatchObject({ kind: "forbidden" });
    await expect(refused).rejects.toThrow(/^source 'az:\/\/models\/m' cannot be read/);
  });

  it("is pulled in parts", async () => {
    const env = { AZURE_STORAGE_CONNECTION_STRING: connection(key) };
    const texts = await read(env, "az://models/big/model.bin");
    expect(large.equals(Buffer.from(texts["model.bin"] ?? ""))).toBe(true);
  });

  it("says what is wrong, and no key", async () => {
    const wrong = Buffer.from("SECRET".repeat(8)).toString("base64");
    const env = { AZURE_STORAGE_CONNECTION_STRING: connection(wrong) };
    const error = await read(env, "az://models/m").catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ kind: "forbidden" });
    expect(`${error} ${JSON.stringify(error)}`).not.toContain(wrong);
    const right = { AZURE_STORAGE_CONNECTION_STRING: connection(key) };
    await expect(read(right, "az://models/n")).rejects.toMatchObject({ kind: "not-found" });
    await expect(read(right, "az://none/n")).rejects.toMatchObject({ kind: "not-found" });
    await expect(read({}, "az://models/n")).rejects.toMatchObject({ kind: "bad-uri" });
  });
});
