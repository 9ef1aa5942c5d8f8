import { invalid, ServingError } from "../domain/error.ts";
import { KiB, packedBytesMin, unpackedBytesMin, unpackedRatioMax } from "../domain/limits.ts";
import { clip } from "../domain/text.ts";
import type { Reply } from "./dialect.ts";
import { tooLarge } from "./growing-body.ts";

/** Content codings of bodies (RFC 9110, section 8.4): gzip, and deflate, which is zlib's format. */
export type Coding = "gzip" | "deflate";

/** For `Accept-Encoding` in the answer to a coding that is none of them. */
export const codings = "gzip, deflate";

/** What a body was packed with; `undefined` for nothing. Throws `unsupported-encoding`. */
export function requestCoding(contentEncoding: string | undefined): Coding | undefined {
  const text = contentEncoding?.trim().toLowerCase() ?? "";
  if (text === "" || text === "identity") return undefined;
  if (text === "gzip" || text === "x-gzip") return "gzip";
  if (text === "deflate") return "deflate";
  throw new ServingError(
    "unsupported-encoding",
    `Content-Encoding '${clip(text, 40)}' is not supported; expected one of: ${codings}, identity`,
  );
}

export interface UnpackLimits {
  readonly bytesMax: number;
  /** Is told how many bytes are held in all, before they are; may throw. */
  readonly hold: (bytes: number) => void;
}

/**
 * Unpacks a body that has arrived; either format under either name, as Triton does. Memory is taken
 * as bytes come out, no more than the limits allow. Throws `invalid-request`, `too-large`, and what
 * `hold` throws.
 */
export async function unpack(packed: Buffer, coding: Coding, limits: UnpackLimits) {
  const { createUnzip } = await import("node:zlib");
  const ratioMax = Math.max(unpackedBytesMin, packed.length * unpackedRatioMax);
  const pieces: Buffer[] = [];
  let bytes = 0;
  const stream = createUnzip({ chunkSize: 64 * KiB });
  stream.end(packed);
  try {
    for await (const piece of stream) {
      bytes += piece.length;
      if (bytes > limits.bytesMax) throw tooLarge("body", limits.bytesMax);
      if (bytes > ratioMax) throw tooDense(packed.length, ratioMax);
      limits.hold(packed.length + bytes);
      pieces.push(piece);
    }
  } catch (error) {
    throw isMalformed(error) ? malformed(coding, error.message) : error;
  }
  if (stream.bytesWritten < packed.length) throw malformed(coding, "bytes follow its end");
  return Buffer.concat(pieces, bytes);
}

function isMalformed(error: unknown): error is Error {
  if (!(error instanceof Error && "code" in error)) return false;
  return ["Z_DATA_ERROR", "Z_BUF_ERROR", "Z_NEED_DICT"].includes(String(error.code));
}

function malformed(coding: Coding, reason: string): ServingError {
  return invalid(`failed to unpack the body by its Content-Encoding '${coding}': ${reason}`);
}

function tooDense(packedBytes: number, bytesMax: number): ServingError {
  return new ServingError(
    "too-large",
    `the compressed body of ${packedBytes} bytes unpacks to more than ${bytesMax} bytes; send it ` +
      "uncompressed",
  );
}

/** The coding that a client likes best, if better than none (RFC 9110, section 12.5.3). */
export function acceptedCoding(acceptEncoding: string | undefined): Coding | undefined {
  if (acceptEncoding === undefined) return undefined;
  const weights = new Map(acceptEncoding.toLowerCase().split(",").map(weighted));
  const any = weights.get("*") ?? 0;
  const gzip = weights.get("gzip") ?? weights.get("x-gzip") ?? any;
  const deflate = weights.get("deflate") ?? any;
  const best = Math.max(gzip, deflate);
  if (best === 0 || best < (weights.get("identity") ?? 0)) return undefined;
  return gzip === best ? "gzip" : "deflate";
}

function weighted(item: string): [coding: string, weight: number] {
  const [coding = "", ...parameters] = item.split(";").map((text) => text.trim());
  const text = parameters.find((parameter) => parameter.startsWith("q="))?.slice(2);
  const weight = text === undefined ? 1 : Number(text);
  return [coding, weight >= 0 && weight <= 1 ? weight : 0];
}

/** The answer as the client accepts it. The length in a header of V2 stays that of plain JSON. */
export async function pack(reply: Reply, coding: Coding): Promise<Reply> {
  const { constants, deflate, gzip } = await import("node:zlib");
  const compress = coding === "gzip" ? gzip : deflate;
  const options = { level: constants.Z_BEST_SPEED, chunkSize: 64 * KiB };
  const body = await new Promise<Buffer<ArrayBuffer>>((resolve, reject) => {
    compress(reply.body, options, (error, packed) => {
      if (error === null) resolve(packed);
      else reject(error);
    });
  });
  const headers = { ...reply.headers, "content-encoding": coding, vary: "Accept-Encoding" };
  return { body, headers };
}

export function isWorthPacking({ body }: Reply): boolean {
  return body.length >= packedBytesMin;
}
