import { createHash } from "node:crypto";
import { mkdtemp, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { crc32, gzipSync } from "node:zlib";
import { pack } from "tar-stream";
import { afterEach, describe, expect, it } from "vitest";
import { pullPartBytes, sourceFilesMax } from "../../src/domain/limits.ts";
import type { PullProgress, StoredSource } from "../../src/domain/storage.ts";
import type { Sources } from "../../src/storage/storage.ts";
import { commitOf } from "./object-server.ts";
import { type Bench, openBench, unfinished } from "./schemes.ts";

let bench: Bench | undefined;

afterEach(async () => {
  await bench?.close();
  bench = undefined;
});

const folders = [
  { name: "s3", at: (key: string) => `s3://bucket/${key}` },
  { name: "gs", at: (key: string) => `gs://bucket/${key}` },
  { name: "hf", at: (key: string) => `hf://org/repo/${key}` },
] as const;

function store(files: Record<string, string | Buffer>) {
  const entries = Object.entries(files).map(([key, body]) => [key, Buffer.from(body)] as const);
  const objects = Object.fromEntries(entries);
  return { bucket: objects, "org/repo": objects };
}

const paths = (source: StoredSource) => source.files.map(({ path }) => path).sort();

async function textsOf(sources: Sources, uri: string): Promise<Record<string, string>> {
  const source = await sources.resolve(uri);
  const snapshot = await sources.fetch(source, paths(source));
  const texts: Record<string, string> = {};
  for (const path of paths(source)) {
    texts[path] = await readFile(join(snapshot.folder, path), "utf8");
  }
  await snapshot.release();
  return texts;
}

describe.each(folders)("$name", ({ at, name }) => {
  it("lists a folder without its neighbours, and reads every file", async () => {
    const odd = ["a b", "a+b", "a%20b", "a#b?c", "ü/☃", "'()*!", "[x]{y}|^"];
    const files = Object.fromEntries(odd.map((key) => [`m/${key}`, `content of ${key}`]));
    bench = await openBench(
      store({ ...files, "m/empty": "", "m2/x": "no", "m-x": "no", "other/m/y": "no" }),
    );
    const texts = await textsOf(bench.sources, at("m"));
    expect(texts).toEqual({
      ...Object.fromEntries(odd.map((key) => [key, `content of ${key}`])),
      empty: "",
    });
    expect(await unfinished(bench.cacheFolder)).toEqual([]);
  });

  it("says what is not there", async () => {
    bench = await openBench(store({ "m2/x": "no" }));
    await expect(bench.sources.resolve(at("m"))).rejects.toMatchObject({ kind: "not-found" });
  });

  it("prefers the folder to the file, pages, and skips markers", async () => {
    bench = await openBench(store({ m: "file", "m/a": "1", "m/b": "2", "m/c": "3" }));
    bench.server.pageSize = 2;
    if (name !== "hf") Object.assign(bench.server.objects["bucket"] ?? {}, { "m/": Buffer.of() });
    // A repository of files has no such thing; a listing that has is refused nowhere but here.
    expect(paths(await bench.sources.resolve(at("m")))).toEqual(["a", "b", "c"]);
  });

  it.each(["m/../x", "m//x", "m/a\\b", "m/./x"])("refuses the key %j", async (key) => {
    bench = await openBench(store({ [key]: "x", "m/y": "y" }));
    await expect(bench.sources.resolve(at("m"))).rejects.toMatchObject({ kind: "unsafe-path" });
  });

  it("refuses names that would be one file", async () => {
    bench = await openBench(store({ "m/\u00e9": "1", "m/e\u0301": "2" }));
    await expect(bench.sources.resolve(at("m"))).rejects.toMatchObject({ kind: "unsafe-path" });
  });

  it("makes a listing request and no more when the cache is warm, and none offline", async () => {
    bench = await openBench(store({ "m/a": "1", "m/b": "2" }));
    await textsOf(bench.sources, at("m"));
    const contents = bench.server.contents;
    expect(contents).toBe(2);
    expect(await textsOf(bench.again(), at("m"))).toEqual({ a: "1", b: "2" });
    expect(bench.server.contents).toBe(contents);
    const requests = bench.server.seen.length;
    expect(await textsOf(bench.again({ offline: true }), at("m"))).toEqual({ a: "1", b: "2" });
    expect(bench.server.seen.length).toBe(requests);
    await expect(bench.again({ offline: true }).resolve(at("n"))).rejects.toThrow(/--offline/);
  });

  it("serves the cached copy when the store is away", async () => {
    bench = await openBench(store({ "m/a": "1" }));
    await textsOf(bench.sources, at("m"));
    bench.server.guard = () => ({ status: 503, code: "ServiceUnavailable" });
    const source = await bench.again().resolve(at("m"));
    expect(source.stale).toBe(true);
    expect(await textsOf(bench.again(), at("m"))).toEqual({ a: "1" });
    expect(bench.log.lines.join()).toContain("serving the cached copy");
  });

  it("pulls a changed file, and that one only", async () => {
    bench = await openBench(store({ "m/a": "1", "m/b": "2" }));
    await textsOf(bench.sources, at("m"));
    for (const objects of Object.values(bench.server.objects)) objects["m/b"] = Buffer.from("new");
    if (name === "hf") return;
    expect(await textsOf(bench.again(), at("m"))).toEqual({ a: "1", b: "new" });
    expect(bench.server.contents).toBe(3);
  });
});

describe("a listing", () => {
  it("has at most so many files", async () => {
    const names = Array.from({ length: sourceFilesMax }, (_, at) => [`m/${at}`, "x"]);
    bench = await openBench(store(Object.fromEntries(names)));
    const source = await bench.sources.resolve("s3://bucket/m");
    expect(source.files).toHaveLength(sourceFilesMax);
    Object.assign(bench.server.objects["bucket"] ?? {}, { "m/more": Buffer.from("x") });
    const refused = bench.sources.resolve("s3://bucket/m");
    await expect(refused).rejects.toMatchObject({ kind: "too-many-files" });
  });
});

describe("a commit of the Hub", () => {
  it("is asked for once, and then never", async () => {
    bench = await openBench(store({ "m/a": "1" }));
    const uri = `hf://org/repo:${commitOf("main")}/m`;
    expect(await textsOf(bench.sources, uri)).toEqual({ a: "1" });
    const requests = bench.server.seen.length;
    expect(await textsOf(bench.again(), uri)).toEqual({ a: "1" });
    expect(bench.server.seen.length).toBe(requests);
  });
});

describe("a pull", () => {
  const large = Buffer.alloc(2 * pullPartBytes, "x");

  it("is one for all who ask", async () => {
    bench = await openBench(store({ "m/a": "1" }));
    const { sources, server } = bench;
    const source = await sources.resolve("s3://bucket/m");
    const snapshots = await Promise.all(
      Array.from({ length: 100 }, () => sources.fetch(source, ["a"])),
    );
    expect(server.contents).toBe(1);
    await Promise.all(snapshots.map((snapshot) => snapshot.release()));
  });

  it("goes on for those who wait when who began it leaves", async () => {
    bench = await openBench(store({ "m/a": "1" }));
    const { sources, server } = bench;
    const source = await sources.resolve("s3://bucket/m");
    server.fault = () => ({ kind: "delay", ms: 50 });
    const leaving = new AbortController();
    const first = sources.fetch(source, ["a"], { signal: leaving.signal });
    const second = sources.fetch(source, ["a"]);
    const refused = expect(first).rejects.toMatchObject({ kind: "cancelled" });
    while (server.contents === 0) await wait(1);
    leaving.abort();
    await refused;
    const snapshot = await second;
    expect(await readFile(join(snapshot.folder, "a"), "utf8")).toBe("1");
    await snapshot.release();
  });

  it("says how far it is", async () => {
    bench = await openBench(store({ "m/a": large }));
    const source = await bench.sources.resolve("s3://bucket/m");
    const said: PullProgress[] = [];
    const onProgress = (progress: PullProgress) => void said.push(progress);
    const snapshot = await bench.sources.fetch(source, ["a"], { onProgress });
    const bytes = large.length;
    expect(said.at(-1)).toEqual({ files: 1, filesDone: 1, bytes, bytesDone: bytes });
    await snapshot.release();
  });

  it("leaves nothing behind when it is given up, at any moment", async () => {
    bench = await openBench(store({ "m/a": large }));
    const source = await bench.sources.resolve("s3://bucket/m");
    for (let ms = 0; ms < 60; ms += 6) {
      const signal = AbortSignal.timeout(ms);
      const outcome = await bench.sources.fetch(source, ["a"], { signal }).then(
        (snapshot) => snapshot.release(),
        (error: unknown) => error,
      );
      if (outcome !== undefined) expect(outcome).toMatchObject({ kind: "cancelled" });
      expect(await unfinished(bench.cacheFolder)).toEqual([]);
    }
  });

  it("reads small texts, and no larger ones", async () => {
    bench = await openBench(store({ "m/config.pbtxt": "name: 'm'" }));
    const source = await bench.sources.resolve("s3://bucket/m");
    expect(await bench.sources.readText(source, "config.pbtxt", 9)).toBe("name: 'm'");
    const refused = bench.sources.readText(source, "config.pbtxt", 8);
    await expect(refused).rejects.toMatchObject({ kind: "too-large" });
  });
});

interface TarEntry {
  readonly name: string;
  readonly body?: string;
  readonly type?: "file" | "symlink" | "link" | "directory" | "fifo";
}

async function tarOf(entries: readonly TarEntry[]): Promise<Buffer> {
  const writer = pack();
  for (const { name, body = "", type = "file" } of entries) {
    writer.entry({ name, type, linkname: "/etc/passwd" }, type === "file" ? body : "");
  }
  writer.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of writer) chunks.push(Buffer.from(chunk as Uint8Array));
  return Buffer.concat(chunks);
}

describe("an archive", () => {
  const good = [
    { name: "1/", type: "directory" },
    { name: "./1/model.onnx", body: "m" },
  ] as const;

  it("is unpacked from any store, and from this machine", async () => {
    const tar = await tarOf(good);
    bench = await openBench(
      store({ "m.tar": tar, "m.tgz": gzipSync(tar), "m.tar.gz": gzipSync(tar) }),
    );
    const folder = await mkdtemp(join(tmpdir(), "thaw-archive-"));
    await writeFile(join(folder, "m.tar.gz"), gzipSync(tar));
    const uris = [
      "s3://bucket/m.tar",
      "gs://bucket/m.tgz",
      "hf://org/repo/m.tar.gz",
      `${bench.server.origin}/bucket/m.tar.gz`,
      join(folder, "m.tar.gz"),
    ];
    for (const uri of uris) {
      expect(await textsOf(bench.sources, uri)).toEqual({ "1/model.onnx": "m" });
    }
    expect(await unfinished(bench.cacheFolder)).toEqual([]);
  });

  it("is unpacked from zip", async () => {
    const folder = await mkdtemp(join(tmpdir(), "thaw-archive-"));
    await writeFile(join(folder, "x.zip"), storedZip("1/model.onnx", "m"));
    bench = await openBench({});
    expect(await textsOf(bench.sources, join(folder, "x.zip"))).toEqual({ "1/model.onnx": "m" });
    for (const zip of [storedZip("../x", "m"), storedZip("x", "/etc/passwd", 0o120777)]) {
      await writeFile(join(folder, "y.zip"), zip);
      const refused = bench.sources.resolve(join(folder, "y.zip"));
      await expect(refused).rejects.toMatchObject({ kind: "unsafe-path" });
    }
  });

  it.each([
    { entries: [{ name: "../x", body: "x" }], kind: "unsafe-path" },
    { entries: [{ name: "/etc/x", body: "x" }], kind: "unsafe-path" },
    { entries: [{ name: "a", type: "symlink" }], kind: "unsafe-path" },
    { entries: [{ name: "a", type: "link" }], kind: "unsafe-path" },
    { entries: [{ name: "a", type: "fifo" }], kind: "unsafe-path" },
    { entries: [{ name: "a" }, { name: "a/b" }], kind: "unsafe-path" },
    { entries: [{ name: "a" }, { name: "a" }], kind: "unsafe-path" },
  ] as const)("is refused with $entries", async ({ entries, kind }) => {
    bench = await openBench(store({ "m.tar": await tarOf(entries) }));
    await expect(bench.sources.resolve("s3://bucket/m.tar")).rejects.toMatchObject({ kind });
    expect(await unfinished(bench.cacheFolder)).toEqual([]);
    expect(await readdir(join(bench.cacheFolder, "v1", "entries"))).toEqual([]);
  });

  it.each([
    { what: "cut", bytes: async () => gzipSync(await tarOf(good)).subarray(0, 60) },
    { what: "no archive", bytes: async () => Buffer.from("something else, long enough") },
  ])("is refused when it is $what", async ({ bytes }) => {
    bench = await openBench(store({ "m.tar.gz": await bytes() }));
    const refused = bench.sources.resolve("s3://bucket/m.tar.gz");
    await expect(refused).rejects.toMatchObject({ kind: "corrupt" });
    expect(await unfinished(bench.cacheFolder)).toEqual([]);
  });

  it("is refused when far more comes out than went in", async () => {
    const tar = await tarOf([{ name: "a", body: "0".repeat(3_000_000) }]);
    bench = await openBench(store({ "m.tar.gz": gzipSync(tar) }));
    const refused = bench.sources.resolve("s3://bucket/m.tar.gz");
    await expect(refused).rejects.toMatchObject({ kind: "too-large" });
    expect(await unfinished(bench.cacheFolder)).toEqual([]);
  });
});

/** A zip of one stored file (APPNOTE 4.3.7, 4.3.12, 4.3.16), with Unix `mode` bits. */
function storedZip(name: string, text: string, mode = 0o100644): Buffer {
  const body = Buffer.from(text);
  const title = Buffer.from(name);
  const facts = Buffer.alloc(26);
  facts.writeUInt16LE(20, 0);
  facts.writeUInt32LE(crc32(body), 10);
  facts.writeUInt32LE(body.length, 14);
  facts.writeUInt32LE(body.length, 18);
  facts.writeUInt16LE(title.length, 22);
  const local = Buffer.concat([Buffer.from("PK\u0003\u0004"), facts, title, body]);
  const attributes = Buffer.alloc(14);
  attributes.writeUInt32LE(mode * 65_536, 6);
  const madeBy = Buffer.from([20, 3]);
  const central = Buffer.concat([Buffer.from("PK\u0001\u0002"), madeBy, facts, attributes, title]);
  const end = Buffer.alloc(18);
  end.writeUInt16LE(1, 4);
  end.writeUInt16LE(1, 6);
  end.writeUInt32LE(central.length, 8);
  end.writeUInt32LE(local.length, 12);
  return Buffer.concat([local, central, Buffer.from("PK\u0005\u0006"), end]);
}

describe("local files", () => {
  it("are served in place, and links that lead out are refused", async () => {
    const folder = await mkdtemp(join(tmpdir(), "thaw-local-"));
    await writeFile(join(folder, "m.onnx"), "m");
    await symlink("/etc/hostname", join(folder, "out.txt"));
    bench = await openBench({});
    const source = await bench.sources.resolve(folder);
    expect(source.localRoot).toBe(folder);
    expect((await bench.sources.fetch(source, ["m.onnx"])).folder).toBe(folder);
    const out = bench.sources.readText(source, "out.txt", 1_000);
    await expect(out).rejects.toMatchObject({ kind: "unsafe-path" });
    const up = bench.sources.readText(source, "../x", 1_000);
    await expect(up).rejects.toMatchObject({ kind: "unsafe-path" });
  });

  it("of a modelcar are waited for", async () => {
    const folder = await mkdtemp(join(tmpdir(), "thaw-car-"));
    await writeFile(join(folder, "m.onnx"), "m");
    bench = await openBench({}, { MODEL_INIT_MODE: "async" });
    const later = bench.sources.resolve(`${folder}-link`);
    await wait(20);
    await symlink(folder, `${folder}-link`);
    expect(paths(await later)).toEqual(["m.onnx"]);
  });

  it("of a claim are served where it is mounted", async () => {
    const root = await mkdtemp(join(tmpdir(), "thaw-pvc-"));
    await writeFile(join(root, "m.onnx"), "m");
    bench = await openBench({}, { THAW_PVC_ROOT: root });
    expect(paths(await bench.sources.resolve("pvc://claim/m.onnx"))).toEqual(["m.onnx"]);
    await expect(bench.sources.resolve("pvc://claim/none")).rejects.toThrow(/not mounted at/);
  });
});

describe("a file by its URL", () => {
  const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");

  it("is held against its pin each time, whatever the cache knows of the place", async () => {
    bench = await openBench(store({ model: "first" }));
    const { origin, objects } = bench.server;
    const url = `${origin}/bucket/model`;
    expect(await textsOf(bench.sources, `${url}#sha256=${sha256("first")}`)).toEqual({
      model: "first",
    });
    const wrong = textsOf(bench.sources, `${url}#sha256=${sha256("other")}`);
    await expect(wrong).rejects.toMatchObject({ kind: "corrupt" });
    Object.assign(objects["bucket"] ?? {}, { model: Buffer.from("second") });
    expect(await textsOf(bench.sources, `${url}#sha256=${sha256("second")}`)).toEqual({
      model: "second",
    });
    expect(await textsOf(bench.sources, url)).toEqual({ model: "second" });
    await expect(bench.sources.resolve(`${url}#sha256=abcd`)).rejects.toThrow(/64 hexadecimal/);
  });

  it("is another one where its query is, but for what signs it", async () => {
    const identity = async (query: string) => {
      const source = await bench?.sources.resolve(`${bench.server.origin}/bucket/model?${query}`);
      return source?.identity;
    };
    bench = await openBench(store({ model: "first" }));
    expect(await identity("file=a&sig=1&se=2")).toBe(await identity("file=a&sig=3&X-Amz-Date=4"));
    expect(await identity("file=a")).not.toBe(await identity("file=b"));
  });

  it("is asked of no store where that is not allowed, though its listing is known", async () => {
    bench = await openBench(store({ model: "first" }));
    const url = `${bench.server.origin}/bucket/model`;
    await bench.sources.resolve(url);
    const before = bench.server.seen.length;
    const offline = bench.again({ offline: true });
    const source = await offline.resolve(url);
    await expect(offline.fetch(source, ["model"])).rejects.toThrow(/--offline is set/);
    expect(bench.server.seen.length).toBe(before);
  });
});
