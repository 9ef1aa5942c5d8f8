import { bytesPerElement } from "../../domain/datatype.ts";
import type { InferRequest } from "../../domain/request.ts";
import type { FixedTensor, Tensor } from "../../domain/tensor.ts";
import { ProtoWriter } from "../../wire/protobuf.ts";
import { fieldOf } from "./contents.ts";

/** Typed contents of gRPC answers (Open Inference Protocol, "Tensor Data"). */

/**
 * Whether the outputs are to be typed: `binary_data_output: false` of the request, or
 * `binary_data: false` of each output, the parameters by which REST asks for JSON. All outputs are
 * raw, as Triton's always are, where nothing is asked, or one of them has no typed form.
 */
export function wantsTyped(request: InferRequest, outputs: readonly Tensor[]): boolean {
  const byDefault = request.parameters.get("binary_data_output");
  return outputs.every(({ datatype }, index) => {
    const own = request.outputs[index]?.parameters.get("binary_data");
    return (own ?? byDefault) === false && fieldOf[datatype] !== 0;
  });
}

/** InferTensorContents, packed. */
export function writeTyped(tensor: Tensor): Uint8Array {
  const field = fieldOf[tensor.datatype];
  if (tensor.datatype === "BYTES") {
    const writer = new ProtoWriter();
    for (const text of tensor.strings) writer.string(field, text);
    return writer.finish();
  }
  if (tensor.bytes.byteLength === 0) return tensor.bytes;
  // Packed floats, and booleans, have the layout of raw contents already.
  const { datatype, bytes } = tensor;
  const asTheyAre = datatype === "FP32" || datatype === "FP64" || datatype === "BOOL";
  return new ProtoWriter(bytes.byteLength + 16)
    .bytes(field, asTheyAre ? bytes : varints(tensor))
    .finish();
}

function varints({ datatype, bytes }: FixedTensor): Uint8Array {
  const size = bytesPerElement(datatype);
  const signed = datatype.startsWith("INT");
  const source = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const writer = new ProtoWriter(bytes.byteLength);
  for (let at = 0; at < source.length; at += size) {
    if (size === 8) writer.varint64(source.readBigUInt64LE(at));
    else if (signed) writer.varint64(BigInt(source.readIntLE(at, size)));
    else writer.varint(source.readUIntLE(at, size));
  }
  return writer.finish();
}
