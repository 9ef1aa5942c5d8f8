import type { Clock } from "../domain/clock.ts";
import { invalid, ServingError } from "../domain/error.ts";
import { jsonSliceBytes } from "../domain/limits.ts";
import type { InferRequest, InferResponse } from "../domain/request.ts";
import { answerEvent, type EventSettings } from "../protocol/cloudevents/answer.ts";
import {
  binaryEvent,
  type EventMode,
  type ReceivedEvent,
  structuredEvent,
} from "../protocol/cloudevents/event.ts";
import { drained } from "../protocol/sliced.ts";
import type { InferTarget } from "../protocol/v2/json.ts";
import { type Dialect, isSliced, type Reply, type RequestHeaders, type Work } from "./dialect.ts";

/** A protocol whose bodies travel in events. It is for one request, since its answer is one too. */
export class EventDialect implements Dialect {
  readonly #mode: EventMode;
  readonly #inner: Dialect;
  readonly #clock: Clock;
  readonly #settings: EventSettings;
  #event: ReceivedEvent | undefined;

  constructor(mode: EventMode, inner: Dialect, clock: Clock, settings: EventSettings) {
    this.#mode = mode;
    this.#inner = inner;
    this.#clock = clock;
    this.#settings = settings;
  }

  decode(target: InferTarget, body: Buffer, headers: RequestHeaders): Work<InferRequest> {
    const work = this.#decode(target, body, headers);
    return body.length > jsonSliceBytes ? work : drained(work);
  }

  *#decode(
    target: InferTarget,
    body: Buffer,
    headers: RequestHeaders,
  ): Generator<void, InferRequest> {
    const event =
      this.#mode === "binary" ? binaryEvent(headers, body) : yield* structuredEvent(body);
    this.#event = event;
    try {
      // JSON within JSON has no binary tensors behind it.
      const work = this.#inner.decode(target, event.payload, event.bytes ? headers : {});
      return isSliced(work) ? yield* work : work;
    } catch (error) {
      if (!(error instanceof ServingError) || error.kind !== "invalid-request") throw error;
      throw invalid(`Failed to decode or parse ${this.#mode} json cloudevent: ${error.message}`);
    }
  }

  encode(response: InferResponse, request: InferRequest): Work<Reply> {
    const work = this.#inner.encode(response, request);
    return isSliced(work) ? this.#wrapLarge(work, response) : this.#wrap(work, response);
  }

  *#wrapLarge(work: Generator<void, Reply>, response: InferResponse): Generator<void, Reply> {
    return this.#wrap(yield* work, response);
  }

  #wrap(reply: Reply, { model }: InferResponse): Reply {
    if (this.#event === undefined) return reply;
    const time = new Date(this.#clock.wallMs()).toISOString();
    const identity = { id: crypto.randomUUID(), time, model };
    return answerEvent(reply, this.#event, identity, this.#settings);
  }
}
