import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { deflateSync, gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { arrayDimsMax, MiB, modelBytesFree, pickleIntBytesMax } from "../../src/domain/limits.ts";
import { FormatError } from "../../src/formats/error.ts";
import { readPickle } from "../../src/formats/pickle/read.ts";
import type { PyValue } from "../../src/formats/pickle/values.ts";
import { unpack } from "../../src/formats/unpack/unpack.ts";

const latin = (text: string) => Buffer.from(text, "latin1");
const read = (text: string) => readPickle(latin(text));

async function refusal(bytes: Uint8Array): Promise<string> {
  try {
    await readPickle(bytes);
  } catch (error) {
    expect(error).toBeInstanceOf(FormatError);
    return error instanceof Error ? error.message : "";
  }
  throw new Error("it was read");
}

describe("values", () => {
  it.each<[string, string, PyValue]>([
    ["None", "N.", null],
    ["a bool of protocol 0", "I01\n.", true],
    ["an int", "\x80\x02K\x07.", 7],
    ["a negative int", "\x80\x02J\xff\xff\xff\xff.", -1],
    ["a long", "\x80\x02\x8a\x01\xff.", -1],
    ["a long beyond doubles", "\x80\x02\x8a\x08\x00\x00\x00\x00\x00\x00\x00\x40.", 2n ** 62n],
    ["a float", "\x80\x02G\x3f\xf0\x00\x00\x00\x00\x00\x00.", 1],
    ["a float of protocol 0", "F-0.5\n.", -0.5],
    ["a text of protocol 0", "V\\u00e9\xe9\n.", "éé"],
    ["a text", "\x80\x02X\x02\x00\x00\x00\xc3\xa9.", "é"],
    ["a tuple", "\x80\x02K\x01K\x02\x86.", { kind: "tuple", items: [1, 2] }],
    ["a list by mark", "(K\x01K\x02l.", { kind: "list", items: [1, 2] }],
    ["a memoized value", "\x80\x02]q\x00h\x00.", { kind: "list", items: [] }],
  ])("%s", async (_, text, value) => {
    expect(await read(text)).toEqual(value);
  });

  it("keep keys of dicts from being anything but keys", async () => {
    const value = await read("\x80\x02}X\x09\x00\x00\x00__proto__K\x01s.");
    expect(value).toEqual({ kind: "dict", entries: new Map([["__proto__", 1]]) });
    expect({}).not.toHaveProperty("polluted");
  });
});

describe("pickles that would run code", () => {
  it.each([
    ["os.system", "cos\nsystem\n(Vid\ntR."],
    ["posix.system by stack", "\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x02id\x85R."],
    ["builtins.eval", "c__builtin__\neval\n(V1\ntR."],
    ["builtins.getattr", "cbuiltins\ngetattr\n(VA\nVb\ntR."],
    ["subprocess.Popen", "csubprocess\nPopen\n(Vid\ntR."],
    ["operator.attrgetter", "coperator\nattrgetter\n(Vx\ntR."],
    [
      "inside of an instance",
      "\x80\x02csklearn.svm\nSVC\n)\x81}X\x01\x00\x00\x00acos\nsystem\nsb.",
    ],
    ["by INST", "(Vid\nios\nsystem\n."],
  ])("%s are refused by name", async (_, text) => {
    expect(await refusal(latin(text))).toMatch(/malicious.*nothing was run/);
  });

  it("and code of one's own is refused with what to do", async () => {
    const message = await refusal(latin("c__main__\nMyModel\n)\x81."));
    expect(message).toMatch(/'__main__\.MyModel'.*export the model to ONNX/);
  });

  it.each([
    ["persistent ids", "Pid\n."],
    ["extensions", "\x80\x02\x82\x01."],
    ["buffers from outside", "\x80\x05\x97."],
  ])("%s are refused", async (_, text) => {
    expect(await refusal(latin(text))).toMatch(/outside the file/);
  });
});

describe("lies", () => {
  const int = (bytes: number) =>
    Buffer.concat([latin("\x80\x02\x8b"), u32(bytes), Buffer.alloc(bytes, 1), latin(".")]);

  it.each([
    ["a length of 2^60", latin("\x80\x04\x8d\0\0\0\0\0\0\0\x10.")],
    ["bytes that are not there", latin("\x80\x03B\xff\xff\xff\x7fabc")],
    ["an empty stack", latin("0.")],
    ["a mark that is not there", latin("t.")],
    ["a memo that is not there", latin("h\x05.")],
    ["no STOP", latin("\x80\x02N")],
    ["nothing", latin("")],
    ["no pickle", latin("hello")],
    ["a state on a text", latin("\x80\x02X\x01\x00\x00\x00a}b.")],
  ])("%s are refused", async (_, bytes) => {
    expect(await refusal(bytes)).not.toBe("");
  });

  it("ints are bounded", async () => {
    await expect(readPickle(int(pickleIntBytesMax))).resolves.toBeTypeOf("bigint");
    expect(await refusal(int(pickleIntBytesMax + 1))).toMatch(/more than 1024 bytes/);
  });

  it("shapes are bounded in dimensions and size", async () => {
    const array = (dims: number) =>
      `\x80\x02cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85c_codecs\nencode\n` +
      `X\x01\x00\x00\x00bX\x06\x00\x00\x00latin1\x86R\x87R(K\x01(${"K\x01".repeat(dims)}tcnumpy\n` +
      "dtype\nX\x02\x00\x00\x00f8K\x00K\x01\x87R\x89c_codecs\nencode\nX\x08\x00\x00\x00" +
      "\0\0\0\0\0\0\0\0X\x06\x00\x00\x00latin1\x86Rtb.";
    await expect(read(array(arrayDimsMax))).resolves.toMatchObject({ kind: "array" });
    expect(await refusal(latin(array(arrayDimsMax + 1)))).toMatch(/shape/);
  });

  it("nests of a million lists are read without a deep stack", async () => {
    const deep = Buffer.concat([
      Buffer.alloc(1_000_000, "]"),
      Buffer.alloc(999_999, "a"),
      latin("."),
    ]);
    await expect(readPickle(deep)).resolves.toMatchObject({ kind: "list" });
  });
});

describe("compression", () => {
  const plain = latin("\x80\x02K\x07.");

  it.each([
    ["zlib", deflateSync(plain)],
    ["gzip", gzipSync(plain)],
  ])("%s is undone", async (_, bytes) => {
    expect(await readPickle(bytes)).toBe(7);
  });

  it.each(readdirSync(join(import.meta.dirname, "goldens/compressed")))(
    "%s is undone",
    async (file) => {
      const bytes = readFileSync(join(import.meta.dirname, "goldens/compressed", file));
      const value = await readPickle(bytes);
      expect(value).toMatchObject({ kind: "dict" });
      const [numbers] =
        typeof value === "object" && value?.kind === "dict" ? value.entries.values() : [];
      expect(numbers).toMatchObject({ kind: "array", shape: [200], dtype: { code: "f" } });
    },
  );

  it("is bounded: so many times the file's size, and 64 MiB always", async () => {
    const bytes = deflateSync(Buffer.alloc(modelBytesFree));
    expect((await unpack(bytes)).length).toBe(modelBytesFree);
    await expect(unpack(deflateSync(Buffer.alloc(modelBytesFree + MiB)))).rejects.toThrow(/64 MiB/);
  });

  it("that is damaged is refused", async () => {
    expect(await refusal(deflateSync(plain).fill(0xff, 3))).toMatch(/zlib compression is damaged/);
  });
});

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}
