import type { Health } from "../domain/ports.ts";

/**
 * Ready exactly when every named model can be leased and no shutdown has begun. REST, gRPC and
 * `grpc.health.v1` all ask here.
 */
export class ServerHealth implements Health {
  readonly #listeners = new Set<(ready: boolean) => void>();
  readonly #allReady: () => boolean;
  #draining = false;
  #stuck = false;
  #was = false;

  constructor(allReady: () => boolean) {
    this.#allReady = allReady;
  }

  live(): boolean {
    return !this.#stuck;
  }

  /** A run has gone past its maximum: nothing but a restart ends it. */
  stick(): void {
    this.#stuck = true;
  }

  ready(): boolean {
    return !this.#draining && this.#allReady();
  }

  get draining(): boolean {
    return this.#draining;
  }

  drain(): void {
    this.#draining = true;
    this.refresh();
  }

  /** Tells the listeners where readiness changed. */
  refresh(): void {
    const now = this.ready();
    if (now === this.#was) return;
    this.#was = now;
    for (const listener of this.#listeners) listener(now);
  }

  onChange(listener: (ready: boolean) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
