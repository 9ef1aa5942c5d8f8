import { constants, deflateSync, gunzipSync, gzipSync, inflateSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ServingError } from "../../src/domain/error.ts";
import {
  MiB,
  packedBytesMin,
  unpackedBytesMin,
  unpackedRatioMax,
} from "../../src/domain/limits.ts";
import {
  acceptedCoding,
  isWorthPacking,
  pack,
  requestCoding,
  unpack,
} from "../../src/http/coding.ts";
import { failure } from "../support/grpc.ts";

const limits = { bytesMax: 8 * MiB, hold: () => {} };

/** A gzip of exactly this many bytes: a stored file name fills it up. */
function gzipOfSize(content: Buffer, size: number): Buffer {
  const plain = gzipSync(content);
  const name = Buffer.alloc(size - plain.length, "n");
  name[name.length - 1] = 0;
  const head = Buffer.from(plain.subarray(0, 10));
  head[3] = 8;
  return Buffer.concat([head, name, plain.subarray(10)]);
}

describe("a packed body", () => {
  it("is what was packed, by either coding", async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 5_000 }), async (bytes) => {
        expect(await unpack(gzipSync(bytes), "gzip", limits)).toEqual(Buffer.from(bytes));
        expect(await unpack(deflateSync(bytes), "deflate", limits)).toEqual(Buffer.from(bytes));
      }),
      { numRuns: 30 },
    );
  });

  it("may become as large as the ratio says, and no larger", async () => {
    const packed = Math.ceil((2 * unpackedBytesMin) / unpackedRatioMax);
    const most = packed * unpackedRatioMax;
    const fits = gzipOfSize(Buffer.alloc(most), packed);
    expect((await unpack(fits, "gzip", limits)).length).toBe(most);
    const exceeds = gzipOfSize(Buffer.alloc(most + 1), packed);
    expect(await failure(unpack(exceeds, "gzip", limits))).toMatchObject({ kind: "too-large" });
  });

  it("may become as large as the least limit whatever its size", async () => {
    const fits = gzipSync(Buffer.alloc(unpackedBytesMin));
    expect((await unpack(fits, "gzip", limits)).length).toBe(unpackedBytesMin);
    const exceeds = gzipSync(Buffer.alloc(unpackedBytesMin + 1));
    expect(await failure(unpack(exceeds, "gzip", limits))).toMatchObject({ kind: "too-large" });
  });

  it("is held against the limit of a request", async () => {
    const packed = gzipSync(Buffer.alloc(1_001));
    const of = (bytesMax: number) => unpack(packed, "gzip", { bytesMax, hold: () => {} });
    expect((await of(1_001)).length).toBe(1_001);
    const error = await failure(of(1_000));
    expect(error).toMatchObject({ kind: "too-large" });
    expect(error.message).toContain("--max-request-size");
  });

  it("is given up when it may not be held", async () => {
    const full = new ServingError("overloaded", "full");
    const hold = () => {
      throw full;
    };
    const packed = gzipSync("body");
    expect(await failure(unpack(packed, "gzip", { bytesMax: MiB, hold }))).toBe(full);
  });

  it("is a client's mistake, however it is broken", async () => {
    const whole = gzipSync(Buffer.from("a body that was whole before"), { level: 1 });
    await fc.assert(
      fc.asyncProperty(
        fc.nat(whole.length - 1),
        fc.integer({ min: 1, max: 255 }),
        async (at, by) => {
          const broken = Buffer.from(whole);
          broken[at] = (broken[at] ?? 0) ^ by;
          await unpack(broken, "gzip", limits).catch((error) => {
            expect(error).toMatchObject({ kind: "invalid-request" });
          });
          const cut = unpack(whole.subarray(0, at), "gzip", limits);
          expect(await failure(cut)).toMatchObject({ kind: "invalid-request" });
        },
      ),
      { numRuns: 200 },
    );
    const dictionary = deflateSync("body", { dictionary: Buffer.from("body") });
    const unknown = unpack(dictionary, "deflate", limits);
    expect(await failure(unknown)).toMatchObject({ kind: "invalid-request" });
    const unended = gzipSync("body", { finishFlush: constants.Z_SYNC_FLUSH });
    expect(await failure(unpack(unended, "gzip", limits))).toMatchObject({
      kind: "invalid-request",
    });
  });
});

describe("Content-Encoding", () => {
  it.each([
    [undefined, undefined],
    ["", undefined],
    ["Identity", undefined],
    ["GZIP", "gzip"],
    ["x-gzip", "gzip"],
    [" deflate ", "deflate"],
  ])("%s is %s", (text, coding) => {
    expect(requestCoding(text)).toBe(coding);
  });

  it.each(["br", "gzip, gzip", "zstd", "gzip;q=1"])("%s is refused", (text) => {
    expect(() => requestCoding(text)).toThrow("is not supported");
  });
});

describe("Accept-Encoding", () => {
  it.each([
    [undefined, undefined],
    ["", undefined],
    ["identity", undefined],
    ["br", undefined],
    ["gzip", "gzip"],
    ["deflate", "deflate"],
    ["deflate, gzip", "gzip"],
    ["gzip;q=0.4, deflate;q=0.5", "deflate"],
    ["GZIP; Q=0.4", "gzip"],
    ["*", "gzip"],
    ["gzip;q=0, *", "deflate"],
    ["*;q=0", undefined],
    ["gzip;q=0.5, identity", undefined],
    ["identity;q=0.5, gzip;q=0.5", "gzip"],
    ["gzip;q=high", undefined],
    ["gzip;q=2", undefined],
    [",,;q=1,", undefined],
  ])("%s asks for %s", (text, coding) => {
    expect(acceptedCoding(text)).toBe(coding);
  });
});

describe("an answer", () => {
  it("is packed from its least size on", () => {
    const of = (length: number) => isWorthPacking({ body: "x".repeat(length), headers: {} });
    expect([of(packedBytesMin - 1), of(packedBytesMin)]).toEqual([false, true]);
  });

  it("is the same once unpacked, and says how it was packed", async () => {
    const reply = { body: "é".repeat(5_000), headers: { a: "b" } };
    const gzip = await pack(reply, "gzip");
    expect(gunzipSync(gzip.body).toString()).toBe(reply.body);
    expect(gzip.headers).toEqual({ a: "b", "content-encoding": "gzip", vary: "Accept-Encoding" });
    expect(inflateSync((await pack(reply, "deflate")).body).toString()).toBe(reply.body);
  });
});
