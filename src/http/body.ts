import type { IncomingMessage } from "node:http";
import type { Http2ServerRequest } from "node:http2";
import { cancelledError } from "../domain/call.ts";
import { invalid, ServingError } from "../domain/error.ts";
import { bodyBytesPerMsMin, bodyMsBase, discardMsMax } from "../domain/limits.ts";
import type { Permit } from "../domain/ports.ts";
import { GrowingBody, tooLarge } from "./growing-body.ts";

export type Incoming = IncomingMessage | Http2ServerRequest;

/**
 * The size that a request declares, or `undefined` for a chunked one. Throws `too-large` before a
 * byte is read.
 */
export function declaredBytes(incoming: Incoming, bytesMax: number): number | undefined {
  const text = incoming.headers["content-length"];
  if (text === undefined) return undefined;
  const bytes = /^[0-9]{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isNaN(bytes)) throw invalid(`Content-Length is '${text.slice(0, 40)}', no size`);
  if (bytes > bytesMax) throw tooLarge(`of ${bytes} bytes`, bytesMax);
  return bytes;
}

/**
 * Reads a body into one growing buffer, bounded in bytes, pieces and time; the permit grows with
 * what was not declared. Throws `too-large`, `body-timeout`, `overloaded`, `cancelled`.
 */
export function readBody(
  incoming: Incoming,
  declared: number | undefined,
  bytesMax: number,
  permit: Permit,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const body = new GrowingBody(declared, bytesMax, (bytes) => {
      if (declared === undefined) permit.resize(bytes);
    });
    const timeoutMs = bodyMsBase + (declared ?? bytesMax) / bodyBytesPerMsMin;
    const timer = setTimeout(() => fail(bodyTimeout(timeoutMs)), timeoutMs).unref();
    const stop = () => {
      clearTimeout(timer);
      incoming.off("data", take).off("end", finish).off("error", lost).off("close", lost);
      // Errors after the end are nobody's business, but must have a listener.
      incoming.on("error", () => {});
    };
    const fail = (error: unknown) => {
      stop();
      incoming.pause();
      reject(error);
    };
    const take = (piece: Buffer) => {
      try {
        body.add(piece);
      } catch (error) {
        fail(error);
      }
    };
    const finish = () => {
      stop();
      resolve(body.bytes());
    };
    const lost = () => fail(cancelledError());
    incoming.on("data", take).on("end", finish).on("error", lost).on("close", lost);
  });
}

/**
 * Lets the rest of a refused body run out, for a moment. A connection that is closed over unread
 * bytes is reset, and the client never sees why it was refused.
 */
export async function discardBody(incoming: Incoming): Promise<void> {
  if (incoming.readableEnded || incoming.destroyed || incoming.httpVersionMajor > 1) return;
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, discardMsMax).unref();
    const done = () => {
      clearTimeout(timer);
      resolve();
    };
    incoming.once("end", done).once("close", done).once("error", done).resume();
  });
}

function bodyTimeout(timeoutMs: number): ServingError {
  return new ServingError("body-timeout", `the body did not arrive within ${timeoutMs} ms`);
}
