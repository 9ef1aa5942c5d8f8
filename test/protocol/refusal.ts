import { expect } from "vitest";
import { type ErrorKind, ServingError } from "../../src/domain/error.ts";

/** Expects that `decode` throws a ServingError of this kind, and returns its message. */
export function refusal(decode: () => unknown, kind: ErrorKind = "invalid-request"): string {
  try {
    decode();
  } catch (error) {
    if (!(error instanceof ServingError)) throw error;
    expect(error.kind).toBe(kind);
    return error.message;
  }
  return expect.fail("nothing was thrown");
}

/** Runs `decode`; whatever it throws must be a ServingError of one of these kinds. */
export function expectOnly(kinds: readonly ErrorKind[], decode: () => unknown): void {
  try {
    decode();
  } catch (error) {
    if (!(error instanceof ServingError)) throw error;
    expect(kinds).toContain(error.kind);
  }
}
