/** Something that runs out, renewed before it does; who asks meanwhile shares one renewal. */
export class Renewed<T> {
  readonly #renew: () => Promise<{ readonly value: T; readonly expiresMs: number | undefined }>;
  #current: Promise<{ readonly value: T; readonly staleMs: number }> | undefined;

  /** `expiresMs` is wall time; undefined: it does not run out. */
  constructor(renew: () => Promise<{ value: T; expiresMs: number | undefined }>) {
    this.#renew = renew;
  }

  async get(): Promise<T> {
    const held = this.#current;
    const current = await held;
    if (current !== undefined && Date.now() < current.staleMs) return current.value;
    // Somebody else may have begun a renewal while this one waited.
    if (this.#current === held || this.#current === undefined) this.#current = this.#made();
    return (await this.#current).value;
  }

  /** What there is was refused. */
  forget(): void {
    this.#current = undefined;
  }

  async #made(): Promise<{ readonly value: T; readonly staleMs: number }> {
    const startMs = Date.now();
    try {
      const { value, expiresMs = Number.POSITIVE_INFINITY } = await this.#renew();
      const lifeMs = expiresMs - startMs;
      const staleMs = Math.max(startMs + lifeMs * 0.8, expiresMs - beforeEndMs);
      return { value, staleMs };
    } catch (error) {
      this.#current = undefined;
      throw error;
    }
  }
}

/** Tokens are renewed at four fifths of their life, or five minutes before its end. */
const beforeEndMs = 5 * 60_000;
