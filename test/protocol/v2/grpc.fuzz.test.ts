import fc from "fast-check";
import { describe, it } from "vitest";
import { datatypes } from "../../../src/domain/datatype.ts";
import type { ErrorKind } from "../../../src/domain/error.ts";
import {
  decodeHealthRequest,
  decodeModelInferRequest,
  decodeModelRequest,
} from "../../../src/protocol/v2/grpc.ts";
import { cases } from "../../support/cases.ts";
import { expectOnly } from "../refusal.ts";
import { loadInference } from "./loader.ts";
import { message, requestCase, requestMessage, type Write } from "./requests.ts";

describe("any bytes", () => {
  const kinds: readonly ErrorKind[] = ["invalid-request", "model-not-found"];
  const check = (bytes: Uint8Array) => {
    expectOnly(kinds, () => decodeModelInferRequest(bytes));
    expectOnly(["invalid-request"], () => decodeModelRequest(bytes));
    expectOnly(["invalid-request"], () => decodeHealthRequest(bytes));
  };

  it("at random are taken, or refused as a client's mistake", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }), check), { numRuns: cases(4_000) });
  });

  it("with the right tags are taken, or refused as a client's mistake", () => {
    const scalar = fc.oneof(
      fc.constantFrom("m", "x", ...datatypes).map((text) => Buffer.from(text)),
      fc.uint8Array({ maxLength: 9 }).map((bytes) => Buffer.from(bytes)),
    );
    /** Messages of fields 1 to 9, whose lengths hold the next level. */
    const nested = (inner: fc.Arbitrary<Buffer>) =>
      fc
        .array(fc.tuple(fc.integer({ min: 1, max: 9 }), fc.oneof(inner, scalar), fc.nat(9)), {
          maxLength: 6,
        })
        .map((fields) =>
          message(
            ...fields.map(
              ([field, bytes, kind]): Write =>
                (writer) => {
                  if (kind === 0) writer.int64(field, bytes.length - 2);
                  else if (kind === 1) writer.double(field, bytes.length);
                  else if (kind === 2) writer.float(field, bytes.length);
                  else writer.bytes(field, bytes);
                },
            ),
          ),
        );
    fc.assert(
      fc.property(nested(nested(nested(scalar))), (bytes) => {
        check(bytes);
        check(message((writer) => writer.raw(bytes).string(1, "m")));
      }),
      { numRuns: cases(3_000) },
    );
  });

  it("of a request that was cut and patched are taken, or refused as a client's mistake", () => {
    const { requestSerialize } = loadInference()("ModelInfer");
    const patch = fc.tuple(fc.nat(), fc.nat(4), fc.uint8Array({ maxLength: 4 }));
    const patches = fc.array(patch, { minLength: 1, maxLength: 3 });
    fc.assert(
      fc.property(requestCase, patches, (request, patches) => {
        let bytes = requestSerialize(requestMessage(request));
        for (const [offset, cut, patch] of patches) {
          const at = offset % (bytes.length + 1);
          bytes = Buffer.concat([bytes.subarray(0, at), patch, bytes.subarray(at + cut)]);
        }
        check(bytes);
      }),
      { numRuns: cases(1_500) },
    );
  });
});
