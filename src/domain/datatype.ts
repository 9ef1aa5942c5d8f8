/** The tensor datatypes of the Open Inference Protocol, with BF16 as Triton has it. */
export const datatypes = [
  "BOOL",
  "UINT8",
  "UINT16",
  "UINT32",
  "UINT64",
  "INT8",
  "INT16",
  "INT32",
  "INT64",
  "FP16",
  "FP32",
  "FP64",
  "BF16",
  "BYTES",
] as const;

export type Datatype = (typeof datatypes)[number];
/** A datatype whose elements all have the same size. */
export type FixedDatatype = Exclude<Datatype, "BYTES">;

const elementBytes: Readonly<Record<FixedDatatype, number>> = {
  BOOL: 1,
  UINT8: 1,
  UINT16: 2,
  UINT32: 4,
  UINT64: 8,
  INT8: 1,
  INT16: 2,
  INT32: 4,
  INT64: 8,
  FP16: 2,
  FP32: 4,
  FP64: 8,
  BF16: 2,
};

const known: ReadonlySet<string> = new Set(datatypes);

export function isDatatype(text: string): text is Datatype {
  return known.has(text);
}

/** Bytes of one element on the wire (little-endian). */
export function bytesPerElement(datatype: FixedDatatype): number {
  return elementBytes[datatype];
}
