import type { Datatype } from "../../domain/datatype.ts";
import { invalid } from "../../domain/error.ts";
import { clip } from "../../domain/model.ts";
import type { Tensor } from "../../domain/tensor.ts";
import type { JsonValue } from "../../wire/json.ts";
import { fixed32Type, fixed64Type, lengthType, ProtoReader } from "../../wire/protobuf.ts";
import type { TensorHead } from "../checks.ts";
import { readRaw } from "./raw.ts";
import { readTextElements, readValues } from "./values.ts";

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
const fieldOf: Readonly<Record<Datatype, number>> = {
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

/**
 * InferTensorContents: elements in the field of their type, packed or one by one. Elements are
 * kept as views of the message until the tensor's shape is known.
 */
export class Contents {
  readonly #chunks: { readonly field: number; readonly bytes: Buffer }[] = [];

  get empty(): boolean {
    return this.#chunks.length === 0;
  }

  /** Adds the elements of one (partial) message. */
  merge(message: Buffer): void {
    const reader = new ProtoReader(message);
    while (!reader.done) {
      const tag = reader.tag();
      const field = tag >>> 3;
      if (contentFields[field] === undefined) reader.skip(tag & 7);
      else this.#add(field, unpacked(reader, tag & 7));
    }
  }

  #add(field: number, bytes: Buffer): void {
    // A packed field without elements is the same as no field; an empty string is an element.
    if (bytes.length > 0 || field === fieldOf.BYTES) this.#chunks.push({ field, bytes });
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
    for (const chunk of this.#chunks) {
      if (chunk.field === field) continue;
      throw invalid(
        `input '${clip(head.name)}' has datatype ${head.datatype}, so its elements must be in ` +
          `${contentFields[field]}, but they are in ${contentFields[chunk.field]}`,
      );
    }
    if (this.empty && !head.shape.includes(0)) {
      throw invalid(
        `unable to find data for input tensor '${clip(head.name)}' for model '${head.model}' in ` +
          "request",
      );
    }
    const chunks = this.#chunks.map((chunk) => chunk.bytes);
    if (head.datatype === "BYTES") return readTextElements(head, chunks);
    const [first, ...others] = chunks;
    const bytes = first !== undefined && others.length === 0 ? first : Buffer.concat(chunks);
    // Packed floats have the layout of raw contents already.
    if (head.datatype === "FP32" || head.datatype === "FP64") return readRaw(head, bytes);
    return readValues(head, varints(bytes, field));
  }
}

/** One element, or a packed run of them, as the bytes that a packed run would have. */
function unpacked(reader: ProtoReader, wireType: number): Buffer {
  if (wireType === lengthType) return reader.bytes();
  if (wireType === fixed32Type) return reader.fixed(4);
  if (wireType === fixed64Type) return reader.fixed(8);
  return reader.varintBytes();
}

function varints(packed: Buffer, field: number): JsonValue[] {
  const reader = new ProtoReader(packed);
  const values: JsonValue[] = [];
  while (!reader.done) {
    if (field === 1) values.push(reader.bool());
    else if (field === 2) values.push(reader.int32());
    else if (field === 3) values.push(reader.int64());
    else if (field === 4) values.push(reader.uint32());
    else values.push(reader.uint64());
  }
  return values;
}
