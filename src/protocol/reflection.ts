import { invalid } from "../domain/error.ts";
import { lengthType, ProtoReader, ProtoWriter, WireError } from "../wire/protobuf.ts";

/** Messages of grpc.reflection.v1 (reflection.proto), as far as they concern a server. */

export type ReflectionRequest =
  | { readonly kind: "list" }
  | { readonly kind: "file"; readonly name: string }
  | { readonly kind: "symbol"; readonly name: string }
  | { readonly kind: "other" };

export type ReflectionAnswer =
  | { readonly kind: "services"; readonly names: readonly string[] }
  | { readonly kind: "files"; readonly files: readonly Uint8Array[] }
  | { readonly kind: "error"; readonly code: number; readonly message: string };

/** Throws `invalid-request`. */
export function decodeReflectionRequest(message: Uint8Array): ReflectionRequest {
  let request: ReflectionRequest = { kind: "other" };
  const reader = new ProtoReader(message);
  try {
    while (!reader.done) {
      const tag = reader.tag();
      const field = tag >>> 3;
      if ((tag & 7) !== lengthType || field === 1) reader.skip(tag & 7);
      else {
        const name = reader.string();
        if (field === 3) request = { kind: "file", name };
        else if (field === 4) request = { kind: "symbol", name };
        else if (field === 7) request = { kind: "list" };
      }
    }
  } catch (error) {
    if (error instanceof WireError) throw invalid(`not a reflection request: ${error.message}`);
    throw error;
  }
  return request;
}

/** ServerReflectionResponse; `request` goes back as it came. */
export function encodeReflectionAnswer(request: Uint8Array, answer: ReflectionAnswer): Buffer {
  const writer = new ProtoWriter(4_096).bytes(2, request);
  switch (answer.kind) {
    case "files":
      return writer
        .message(4, (inner) => {
          for (const file of answer.files) inner.bytes(1, file);
        })
        .finish();
    case "services":
      return writer
        .message(6, (inner) => {
          for (const name of answer.names) inner.message(1, (service) => service.string(1, name));
        })
        .finish();
    case "error":
      return writer
        .message(7, (inner) => inner.int64(1, answer.code).string(2, answer.message))
        .finish();
    default:
      return answer satisfies never;
  }
}
