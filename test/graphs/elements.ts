import { bytesPerElement, type Datatype, type FixedDatatype } from "../../src/domain/datatype.ts";
import type { Tensor } from "../../src/domain/tensor.ts";

/** Tensors as the values of their elements, by conversions of the tests' own. */

export type Element = number | bigint | boolean | string;

type Read = (view: DataView, at: number) => Element;
type Write = (view: DataView, at: number, value: number | bigint) => void;

const access: Readonly<Record<FixedDatatype, readonly [Read, Write]>> = {
  BOOL: [(v, at) => v.getUint8(at) !== 0, (v, at, x) => v.setUint8(at, Number(x))],
  UINT8: [(v, at) => v.getUint8(at), (v, at, x) => v.setUint8(at, Number(x))],
  UINT16: [(v, at) => v.getUint16(at, true), (v, at, x) => v.setUint16(at, Number(x), true)],
  UINT32: [(v, at) => v.getUint32(at, true), (v, at, x) => v.setUint32(at, Number(x), true)],
  UINT64: [(v, at) => v.getBigUint64(at, true), (v, at, x) => v.setBigUint64(at, BigInt(x), true)],
  INT8: [(v, at) => v.getInt8(at), (v, at, x) => v.setInt8(at, Number(x))],
  INT16: [(v, at) => v.getInt16(at, true), (v, at, x) => v.setInt16(at, Number(x), true)],
  INT32: [(v, at) => v.getInt32(at, true), (v, at, x) => v.setInt32(at, Number(x), true)],
  INT64: [(v, at) => v.getBigInt64(at, true), (v, at, x) => v.setBigInt64(at, BigInt(x), true)],
  FP16: [(v, at) => v.getFloat16(at, true), (v, at, x) => v.setFloat16(at, Number(x), true)],
  FP32: [(v, at) => v.getFloat32(at, true), (v, at, x) => v.setFloat32(at, Number(x), true)],
  FP64: [(v, at) => v.getFloat64(at, true), (v, at, x) => v.setFloat64(at, Number(x), true)],
  BF16: [brainFloat, (v, at, x) => v.setUint16(at, halfOf(Number(x)), true)],
};

function brainFloat(view: DataView, at: number): number {
  const whole = new DataView(new ArrayBuffer(4));
  whole.setUint16(2, view.getUint16(at, true), true);
  return whole.getFloat32(0, true);
}

/** Exact values only. */
function halfOf(value: number): number {
  const whole = new DataView(new ArrayBuffer(4));
  whole.setFloat32(0, value, true);
  return whole.getUint16(2, true);
}

export function elementsOf(tensor: Tensor): Element[] {
  if (tensor.datatype === "BYTES") return [...tensor.strings];
  const { bytes, datatype } = tensor;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const size = bytesPerElement(datatype);
  return Array.from({ length: bytes.byteLength / size }, (_, index) =>
    access[datatype][0](view, index * size),
  );
}

export function tensor(
  name: string,
  datatype: Datatype,
  shape: readonly number[],
  elements: readonly Element[],
): Tensor {
  if (datatype === "BYTES") return { name, datatype, shape, strings: elements.map(String) };
  const size = bytesPerElement(datatype);
  const bytes = new Uint8Array(elements.length * size);
  const view = new DataView(bytes.buffer);
  for (const [index, element] of elements.entries()) {
    const value = typeof element === "bigint" ? element : Number(element);
    access[datatype][1](view, index * size, value);
  }
  return { name, datatype, shape, bytes };
}

/** A tensor's bytes on V2's wire. */
export function rawOf(tensor: Tensor): Buffer {
  if (tensor.datatype !== "BYTES") return Buffer.from(tensor.bytes);
  const parts = tensor.strings.flatMap((text) => {
    const length = Buffer.alloc(4);
    length.writeUInt32LE(Buffer.byteLength(text));
    return [length, Buffer.from(text)];
  });
  return Buffer.concat(parts);
}

export function fromRaw(
  name: string,
  datatype: Datatype,
  shape: readonly number[],
  raw: Buffer,
): Tensor {
  if (datatype !== "BYTES") return { name, datatype, shape, bytes: new Uint8Array(raw) };
  const strings: string[] = [];
  for (let at = 0; at < raw.length; ) {
    const end = at + 4 + raw.readUInt32LE(at);
    strings.push(raw.toString("utf8", at + 4, end));
    at = end;
  }
  return { name, datatype, shape, strings };
}

/** What two tensors have to share, every bit of their elements included. */
export function comparable(tensor: Tensor): object {
  const { name, datatype, shape } = tensor;
  const content = tensor.datatype === "BYTES" ? tensor.strings : rawOf(tensor).toString("hex");
  return { name, datatype, shape: [...shape], content };
}
