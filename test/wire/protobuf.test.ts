import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  fixed32Type,
  fixed64Type,
  lengthType,
  ProtoReader,
  ProtoWriter,
  varintType,
  WireError,
} from "../../src/wire/protobuf.ts";
import { cases } from "../support/cases.ts";

const groupStart = 3;
const groupEnd = 4;
const uint64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
const uint64Edges = [0n, 1n, 127n, 128n, 2n ** 28n, 2n ** 32n - 1n, 2n ** 32n, 2n ** 63n];

function reader(...bytes: number[]): ProtoReader {
  return new ProtoReader(Uint8Array.from(bytes));
}

describe("varints", () => {
  it("come back as they were written, unsigned", () => {
    const values = fc.oneof(uint64, fc.constantFrom(...uint64Edges, 2n ** 64n - 1n));
    fc.assert(
      fc.property(values, (value) => {
        const source = new ProtoReader(new ProtoWriter(1).varint64(value).finish());
        expect(source.uint64()).toBe(value);
        expect(source.done).toBe(true);
      }),
    );
  });

  it("come back as they were written, signed", () => {
    const values = fc.oneof(int64, fc.constantFrom(-1n, -(2n ** 63n), 2n ** 63n - 1n));
    fc.assert(
      fc.property(values, (value) => {
        const source = new ProtoReader(new ProtoWriter().int64(1, value).finish());
        expect(source.tag()).toBe((1 << 3) | varintType);
        expect(source.int64()).toBe(value);
      }),
    );
  });

  it("give their low 32 bits", () => {
    fc.assert(
      fc.property(int64, (value) => {
        const bytes = new ProtoWriter().varint64(value).finish();
        expect(new ProtoReader(bytes).uint32()).toBe(Number(BigInt.asUintN(32, value)));
        expect(new ProtoReader(bytes).int32()).toBe(Number(BigInt.asIntN(32, value)));
      }),
    );
  });

  it("are written the same from numbers and bigints", () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), (value) => {
        const fromNumber = new ProtoWriter().varint(value).finish();
        expect(fromNumber).toEqual(new ProtoWriter().varint64(BigInt(value)).finish());
      }),
    );
  });

  it("may be longer than they need to be, up to 10 bytes", () => {
    expect(reader(0x81, 0x80, 0x80, 0x00).uint32()).toBe(1);
    const ten = [0x81, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00];
    expect(reader(...ten).uint64()).toBe(1n);
    expect(reader(...ten).uint32()).toBe(1);
    const eleven = [0x81, ...ten];
    expect(() => reader(...eleven).uint64()).toThrow(WireError);
    expect(() => reader(...eleven).uint32()).toThrow(WireError);
  });

  it("are true as bools when any of 64 bits is set", () => {
    expect(new ProtoReader(new ProtoWriter().varint64(2n ** 63n).finish()).bool()).toBe(true);
    expect(reader(0x80, 0x00).bool()).toBe(false);
  });

  it("keep their bytes", () => {
    const source = reader(0x81, 0x00, 0x05);
    expect([...source.varintBytes()]).toEqual([0x81, 0x00]);
    expect([...source.varintBytes()]).toEqual([0x05]);
  });
});

describe("fields", () => {
  it("of every kind come back as they were written", () => {
    const field = fc.integer({ min: 1, max: 2 ** 20 });
    const text = fc.string({ unit: "binary" });
    const fields = fc.record({ field, text, bytes: fc.uint8Array(), double: fc.double() });
    fc.assert(
      fc.property(fields, ({ field, text, bytes, double }) => {
        const writer = new ProtoWriter(1)
          .string(field, text)
          .bytes(field, bytes)
          .double(field, double)
          .float(field, Math.fround(double))
          .bool(field, true)
          .message(field, (inner) => inner.string(field, text));
        const source = new ProtoReader(writer.finish());
        expect(source.tag()).toBe((field << 3) | lengthType);
        expect(source.string()).toBe(text);
        expect(source.tag()).toBe((field << 3) | lengthType);
        expect([...source.bytes()]).toEqual([...bytes]);
        expect(source.tag()).toBe((field << 3) | fixed64Type);
        expect(source.double()).toBe(double);
        expect(source.tag()).toBe((field << 3) | fixed32Type);
        expect(source.fixed(4).readFloatLE()).toBe(Math.fround(double));
        expect(source.tag()).toBe((field << 3) | varintType);
        expect(source.bool()).toBe(true);
        expect(source.tag()).toBe((field << 3) | lengthType);
        const inner = new ProtoReader(source.bytes());
        inner.tag();
        expect(inner.string()).toBe(text);
        expect(source.done).toBe(true);
      }),
    );
  });

  it("have a number from 1 to 2^29 - 1", () => {
    expect(() => reader(0x00).tag()).toThrow("field number 0");
    expect(() => reader(0x07).tag()).toThrow("field number 0");
    const last = ((2 ** 29 - 1) * 8 + lengthType) >>> 0;
    expect(new ProtoReader(new ProtoWriter().varint(last).finish()).tag()).toBe(last);
  });

  it("are views of the message", () => {
    const message = new Uint8Array([9, 2, 7, 8, 5, 6]).subarray(1);
    const source = new ProtoReader(message);
    const bytes = source.bytes();
    expect(bytes.buffer).toBe(message.buffer);
    expect(bytes.byteOffset).toBe(2);
    expect(source.fixed(2).buffer).toBe(message.buffer);
  });

  it("that end too early are refused", () => {
    expect(() => reader().tag()).toThrow(WireError);
    expect(() => reader(0x80).uint32()).toThrow("ends in the middle");
    expect(() => reader(0x80).uint64()).toThrow("ends in the middle");
    expect(() => reader(3, 1, 2).bytes()).toThrow("length 3 exceeds the 2 bytes that remain");
    expect(() => reader(3, 1, 2).string()).toThrow(WireError);
    expect(() => reader(1, 2, 3).fixed(4)).toThrow(WireError);
    expect(() => reader(1, 2, 3, 4, 5, 6, 7).double()).toThrow(WireError);
    const huge = new ProtoWriter().varint64(2n ** 64n - 1n).finish();
    expect(() => new ProtoReader(huge).bytes()).toThrow(WireError);
    expect(() => new ProtoReader(huge).string()).toThrow(WireError);
  });
});

describe("skip", () => {
  it("passes over a field of each wire type", () => {
    const skipped: [number, number[]][] = [
      [varintType, [0x80, 0x01]],
      [fixed64Type, [1, 2, 3, 4, 5, 6, 7, 8]],
      [lengthType, [2, 0xff, 0xff]],
      [fixed32Type, [1, 2, 3, 4]],
      [groupStart, [0x0d, 1, 2, 3, 4, 0x0b, 0x0c, 0x0c]],
    ];
    for (const [wireType, bytes] of skipped) {
      const source = reader(...bytes, 42);
      source.skip(wireType);
      expect(source.uint32()).toBe(42);
      expect(source.done).toBe(true);
    }
  });

  it("refuses the wire types that start no field", () => {
    for (const wireType of [groupEnd, 6, 7]) {
      expect(() => reader(1, 2, 3).skip(wireType)).toThrow(`wire type ${wireType}`);
    }
  });

  it("takes groups nested 32 deep, not 33", () => {
    const nested = (depth: number) =>
      reader(...Array(depth - 1).fill(0x0b), ...Array(depth).fill(0x0c));
    const source = nested(32);
    source.skip(groupStart);
    expect(source.done).toBe(true);
    expect(() => nested(33).skip(groupStart)).toThrow("groups nested too deep");
  });

  it("refuses a group without an end", () => {
    expect(() => reader(0x08, 0x01).skip(groupStart)).toThrow(WireError);
  });
});

it("reads random bytes or throws WireError, and nothing else", () => {
  const reads: ((source: ProtoReader) => unknown)[] = [
    (source) => source.tag(),
    (source) => source.uint32(),
    (source) => source.uint64(),
    (source) => source.bool(),
    (source) => source.double(),
    (source) => source.bytes(),
    (source) => source.string(),
    (source) => source.varintBytes(),
    (source) => source.skip(source.tag() & 7),
  ];
  fc.assert(
    fc.property(fc.uint8Array(), fc.array(fc.constantFrom(...reads)), (bytes, sequence) => {
      const source = new ProtoReader(bytes);
      try {
        for (const read of sequence) read(source);
      } catch (error) {
        expect(error).toBeInstanceOf(WireError);
      }
    }),
    { numRuns: cases(2_000) },
  );
});
