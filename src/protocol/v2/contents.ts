import type { Datatype } from "../../domain/datatype.ts";
import { invalid } from "../../domain/error.ts";
import type { Tensor } from "../../domain/tensor.ts";
import { clip } from "../../domain/text.ts";
import {
  fixed32Type,
  fixed64Type,
  lengthType,
  ProtoReader,
  varintType,
} from "../../wire/protobuf.ts";
import type { TensorHead } from "../checks.ts";
import { readRaw } from "./raw.ts";
import { readElements, readTextElements } from "./values.ts";

/** The fields of InferTensorContents, by number: what they hold. */
const contentFields = [
  undefined,
  "bool_contents",
  "int_contents",
  "int64_contents",
  "uint_contents",
  "uint64_contents",
  "fp32_contents",
  "fp64_contents",
  "bytes_contents",
] as const;

/** The field in which each datatype travels; FP16 and BF16 have none. */
export const fieldOf: Readonly<Record<Datatype, number>> = {
  BOOL: 1,
  INT8: 2,
  INT16: 2,
  INT32: 2,
  INT64: 3,
  UINT8: 4,
  UINT16: 4,
  UINT32: 4,
  UINT64: 5,
  FP32: 6,
  FP64: 7,
  BYTES: 8,
  FP16: 0,
  BF16: 0,
};

/** The wire type that one element of each field has where it does not travel packed. */
const elementTypes = [
  undefined,
  varintType,
  varintType,
  varintType,
  varintType,
  varintType,
  fixed32Type,
  fixed64Type,
  lengthType,
] as const;

/** `contents` of InferInputTensor. */
export const contentsTag = (5 << 3) | lengthType;

/**
 * InferTensorContents: elements in the field of their type, packed or one by one. Nothing is kept
 * of an element until the tensor's shape is known, so many small ones take no more memory than the
 * message does.
 */
export class Contents {
  readonly #input: Buffer;
  readonly #fields = new Set<number>();

  /** Over the InferInputTensor that holds the contents, which may be in several parts. */
  constructor(input: Buffer) {
    this.#input = input;
    for (const { field } of runs(input)) this.#fields.add(field);
  }

  get empty(): boolean {
    return this.#fields.size === 0;
  }

  /** The tensor. Throws `invalid-request` where field, count or range do not fit the head. */
  read(head: TensorHead): Tensor {
    const field = fieldOf[head.datatype];
    if (field === 0) {
      throw invalid(
        `input '${clip(head.name)}' has datatype ${head.datatype}, which travels in ` +
          "raw_input_contents only",
      );
    }
    for (const other of this.#fields) {
      if (other === field) continue;
      throw invalid(
        `input '${clip(head.name)}' has datatype ${head.datatype}, so its elements must be in ` +
          `${contentFields[field]}, but they are in ${contentFields[other]}`,
      );
    }
    if (this.empty && !head.shape.includes(0)) {
      throw invalid(
        `unable to find data for input tensor '${clip(head.name)}' for model '${head.model}' in ` +
          "request",
      );
    }
    if (head.datatype === "BYTES") return readTextElements(head, bytesOf(runs(this.#input)));
    const bytes = joined(this.#input);
    // Packed floats have the layout of raw contents already.
    if (head.datatype === "FP32" || head.datatype === "FP64") return readRaw(head, bytes);
    return readElements(head, varints(bytes, field), varintCount(bytes));
  }
}

/** One element, or a packed run of them as the bytes of the run. */
interface Run {
  readonly field: number;
  readonly bytes: Buffer;
}

/** The runs in the contents of an InferInputTensor, in their order. */
function* runs(input: Buffer): Generator<Run> {
  const outer = new ProtoReader(input);
  while (!outer.done) {
    const tag = outer.tag();
    if (tag === contentsTag) yield* runsOfPart(outer.bytes());
    else outer.skip(tag & 7);
  }
}

function* runsOfPart(part: Buffer): Generator<Run> {
  const reader = new ProtoReader(part);
  while (!reader.done) {
    const tag = reader.tag();
    const field = tag >>> 3;
    const wireType = tag & 7;
    const elementType = elementTypes[field];
    if (elementType === undefined || (wireType !== lengthType && wireType !== elementType)) {
      reader.skip(wireType);
      continue;
    }
    const bytes = runBytes(reader, wireType);
    // A packed field without elements is the same as no field; an empty string is an element.
    if (bytes.length > 0 || field === fieldOf.BYTES) yield { field, bytes };
  }
}

function runBytes(reader: ProtoReader, wireType: number): Buffer {
  if (wireType === lengthType) return reader.bytes();
  if (wireType === fixed32Type) return reader.fixed(4);
  if (wireType === fixed64Type) return reader.fixed(8);
  return reader.varintBytes();
}

function* bytesOf(source: Iterable<Run>): Generator<Buffer> {
  for (const { bytes } of source) yield bytes;
}

/** The bytes of all runs as one packed run; a view where there is only one. */
function joined(input: Buffer): Buffer {
  let size = 0;
  let only: Buffer | undefined;
  for (const { bytes } of runs(input)) {
    only = size === 0 ? bytes : undefined;
    size += bytes.length;
  }
  if (only !== undefined) return only;
  const all = Buffer.allocUnsafe(size);
  let at = 0;
  for (const { bytes } of runs(input)) at += bytes.copy(all, at);
  return all;
}

function* varints(packed: Buffer, field: number): Generator<number | bigint | boolean> {
  const reader = new ProtoReader(packed);
  while (!reader.done) {
    if (field === 1) yield reader.bool();
    else if (field === 2) yield reader.int32();
    else if (field === 3) yield reader.int64();
    else if (field === 4) yield reader.uint32();
    else yield reader.uint64();
  }
}

/** Each varint ends with its one byte below 0x80. */
function varintCount(packed: Buffer): number {
  let count = 0;
  for (const byte of packed) if (byte < 0x80) count += 1;
  return count;
}
