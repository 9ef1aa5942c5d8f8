import { ServingError } from "../../../src/domain/error.ts";
import { parseModelName } from "../../../src/domain/model.ts";
import type { InferRequest, Inputs } from "../../../src/domain/request.ts";
import { drained } from "../../../src/protocol/sliced.ts";
import { decodePredict } from "../../../src/protocol/v1/predict.ts";

export const target = { model: parseModelName("m"), version: undefined };

export function decode(text: string | Buffer, sliceBytes?: number): InferRequest {
  return drained(decodePredict(target, Buffer.from(text), sliceBytes));
}

/** Inputs with their elements as plain arrays, so that they compare whatever holds them. */
export function plainInputs(text: string | Buffer, sliceBytes?: number): unknown {
  return plain(decode(text, sliceBytes).inputs);
}

function plain(inputs: Inputs): unknown {
  return JSON.parse(
    JSON.stringify(inputs, (_, value: unknown) => {
      if (ArrayBuffer.isView(value)) return Array.from(value as Float64Array, written);
      return written(value);
    }),
  );
}

/** What JSON cannot hold, as text. */
function written(value: unknown): unknown {
  if (typeof value === "bigint") return `${value}n`;
  const special = Number.isNaN(value) || value === Infinity || value === -Infinity;
  if (special || Object.is(value, -0)) return Object.is(value, -0) ? "-0" : String(value);
  return value;
}

/** What came of a text: its inputs, or why it was refused. */
export function outcome(text: string | Buffer, sliceBytes?: number): unknown {
  try {
    return plainInputs(text, sliceBytes);
  } catch (error) {
    if (error instanceof ServingError) return `${error.kind}: ${error.message}`;
    throw error;
  }
}
