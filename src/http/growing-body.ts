import { ServingError } from "../domain/error.ts";
import { bodyChunksMax, KiB, MiB } from "../domain/limits.ts";

const firstBytes = 64 * KiB;
const doublingBytesMax = 16 * MiB;

/** The bytes so far. One piece is kept as it is; more are copied into a buffer that doubles. */
export class GrowingBody {
  #buffer: Buffer = Buffer.alloc(0);
  #length = 0;
  #pieces = 0;
  readonly #declared: number | undefined;
  readonly #bytesMax: number;
  readonly #hold: (bytes: number) => void;

  /** `hold` is told the size to come before memory is taken, and may throw. */
  constructor(declared: number | undefined, bytesMax: number, hold: (bytes: number) => void) {
    this.#declared = declared;
    this.#bytesMax = bytesMax;
    this.#hold = hold;
  }

  add(piece: Buffer): void {
    const length = this.#length + piece.length;
    if (length > this.#bytesMax) throw tooLarge("body", this.#bytesMax);
    this.#pieces += 1;
    if (this.#pieces > bodyChunksMax) {
      throw new ServingError(
        "too-large",
        `Chunked request body exceeds maximum of ${bodyChunksMax} non-empty chunks.`,
      );
    }
    this.#hold(length);
    if (this.#length === 0) this.#buffer = piece;
    else {
      this.#reserve(length);
      piece.copy(this.#buffer, this.#length);
    }
    this.#length = length;
  }

  bytes(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }

  #reserve(length: number): void {
    if (this.#pieces > 2 && length <= this.#buffer.length) return;
    const doubled = this.#length + Math.min(this.#length, doublingBytesMax);
    const wanted = Math.max(length, firstBytes, doubled);
    const grown = Buffer.allocUnsafeSlow(Math.min(wanted, this.#declared ?? this.#bytesMax));
    this.#buffer.copy(grown, 0, 0, this.#length);
    this.#buffer = grown;
  }
}

export function tooLarge(what: string, bytesMax: number): ServingError {
  return new ServingError(
    "too-large",
    `request ${what} exceeds the maximum allowed input size of ${bytesMax} bytes. ` +
      "Use --max-request-size to increase the limit.",
  );
}
