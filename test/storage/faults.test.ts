import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { pullPartBytes } from "../../src/domain/limits.ts";
import { StorageError, type StorageKind } from "../../src/domain/storage.ts";
import type { Fault } from "./object-server.ts";
import { type Bench, firstFaults, openBench, schemes, secrets, unfinished } from "./schemes.ts";

/** Every fault on every scheme: the right bytes or the right refusal, and nothing left behind. */

const small = Buffer.alloc(50_000, "thaw and freeze. ");
const large = Buffer.alloc(2 * pullPartBytes + 5, "all parts of a large file. ");

let bench: Bench | undefined;

afterEach(async () => {
  await bench?.close();
  bench = undefined;
});

function objects(body: Buffer) {
  const files = { "one/model.bin": body, "one/other.txt": Buffer.from("other") };
  return { bucket: files, "org/repo": files };
}

type Scheme = (typeof schemes)[number];

async function pull(scheme: Scheme, body: Buffer, fault: { count: number; is: Fault }) {
  bench = await openBench(objects(body));
  bench.server.fault = firstFaults(fault.count, fault.is);
  const uri = scheme.file(bench.server.origin);
  try {
    const source = await bench.sources.resolve(uri);
    expect(source.kind).toBe("file");
    const snapshot = await bench.sources.fetch(source, ["model.bin"]);
    const found = await readFile(join(snapshot.folder, "model.bin"));
    await snapshot.release();
    return found;
  } catch (error) {
    return error;
  }
}

async function nothingLeft() {
  if (bench === undefined) throw new Error("no bench. This is a bug.");
  expect(await unfinished(bench.cacheFolder)).toEqual([]);
  const said = bench.log.lines.join("\n");
  for (const secret of Object.values(secrets)) expect(said).not.toContain(secret);
}

function refusal(error: unknown, kind: StorageKind) {
  expect(error).toBeInstanceOf(StorageError);
  expect(error).toMatchObject({ kind });
  const shown = `${error} ${JSON.stringify(error)}`;
  for (const secret of Object.values(secrets)) expect(shown).not.toContain(secret);
  expect(String(error)).toMatch(/^StorageError: source '.*model\.bin' cannot be read: ./);
}

const passing: readonly { name: string; is: Fault }[] = [
  { name: "a 500", is: { kind: "status", status: 500 } },
  {
    name: "a 503 with Retry-After",
    is: { kind: "status", status: 503, headers: { "retry-after": "1" } },
  },
  { name: "a 429", is: { kind: "status", status: 429 } },
  { name: "a reset", is: { kind: "reset" } },
  { name: "a stall before the headers", is: { kind: "stall" } },
  { name: "a stall in the body", is: { kind: "stall-in-body", bytes: 25_000 } },
  { name: "a byte now and then", is: { kind: "trickle", everyMs: 50 } },
  { name: "an end before the first byte", is: { kind: "truncate", bytes: 0 } },
  { name: "an end after one byte", is: { kind: "truncate", bytes: 1 } },
  { name: "an end at half", is: { kind: "truncate", bytes: 25_000 } },
  { name: "an end before the last byte", is: { kind: "truncate", bytes: 49_999 } },
  { name: "a short body without a length", is: { kind: "no-length" } },
  { name: "a slow answer", is: { kind: "delay", ms: 50 } },
];

describe.each(schemes)("$name", (scheme) => {
  it.each(passing)("survives $name, once and twice", async ({ is }) => {
    for (const count of [1, 2]) {
      expect(await pull(scheme, small, { count, is })).toEqual(small);
      await nothingLeft();
      await bench?.close();
    }
  });

  it.each([
    { is: { kind: "status", status: 500 }, kind: "unavailable" },
    { is: { kind: "status", status: 429 }, kind: "throttled" },
    { is: { kind: "reset" }, kind: "unavailable" },
    { is: { kind: "truncate", bytes: 25_000 }, kind: "unavailable" },
    { is: { kind: "no-length" }, kind: "unavailable" },
    { is: { kind: "trickle", everyMs: 50 }, kind: "unavailable" },
    { is: { kind: "long" }, kind: "corrupt" },
    { is: { kind: "gzip" }, kind: "corrupt" },
    { is: { kind: "status", status: 403 }, kind: "forbidden" },
    { is: { kind: "status", status: 404 }, kind: "not-found" },
  ] as const)("says $kind when $is.kind does not end", async ({ is, kind }) => {
    refusal(await pull(scheme, small, { count: 1_000, is }), kind);
    await nothingLeft();
  });

  it("pulls a large file in parts", async () => {
    const found = await pull(scheme, large, { count: 0, is: { kind: "reset" } });
    expect(large.equals(Buffer.from(found as Buffer))).toBe(true);
    expect(bench?.server.contents).toBe(3);
  });

  it("takes the whole file where ranges are ignored", async () => {
    const found = await pull(scheme, large, { count: 1_000, is: { kind: "ignore-range" } });
    expect(large.equals(Buffer.from(found as Buffer))).toBe(true);
  });

  it("refuses a part that is not the one asked for", async () => {
    refusal(await pull(scheme, large, { count: 1_000, is: { kind: "wrong-range" } }), "corrupt");
    await nothingLeft();
  });
});

describe.each(schemes.filter(({ name }) => name !== "http"))("$name", (scheme) => {
  it("finds a flipped bit, and reads again", async () => {
    expect(await pull(scheme, small, { count: 1, is: { kind: "flip" } })).toEqual(small);
    await bench?.close();
    refusal(await pull(scheme, small, { count: 1_000, is: { kind: "flip" } }), "corrupt");
    await nothingLeft();
  });
});

describe.each(schemes.filter(({ name }) => name !== "hf"))("$name", (scheme) => {
  it("refuses a file that is replaced while it is read", async () => {
    const fault: Fault = { kind: "replaced" };
    refusal(await pull(scheme, small, { count: 1_000, is: fault }), "changed");
    await nothingLeft();
    await bench?.close();
    expect(await pull(scheme, small, { count: 1, is: fault })).toEqual(small);
  });
});

describe("redirects", () => {
  const web = schemes[3];

  it.each([
    "http://169.254.169.254/latest/meta-data",
    "http://[::ffff:169.254.169.254]/",
    "http://localhost:1/x",
    "http://10.0.0.1/x",
    "http://[fd00::1]/x",
  ])("to %s are refused", async (to) => {
    const error = await pull(web, small, { count: 1_000, is: { kind: "redirect", to } });
    refusal(error, "address-refused");
  });

  it("in a circle are refused", async () => {
    const is: Fault = { kind: "redirect", to: "/bucket/one/model.bin" };
    refusal(await pull(web, small, { count: 1_000, is }), "redirect-refused");
  });

  it("to other schemes are refused", async () => {
    const is: Fault = { kind: "redirect", to: "file:///etc/passwd" };
    refusal(await pull(web, small, { count: 1_000, is }), "redirect-refused");
  });

  it("are never followed by S3", async () => {
    const is: Fault = { kind: "redirect", to: "/bucket/one/other.txt" };
    refusal(await pull(schemes[0], small, { count: 1_000, is }), "redirect-refused");
  });
});
