import { Metadata, type ServerDuplexStream } from "@grpc/grpc-js";
import { Call } from "../domain/call.ts";
import { toServingError } from "../domain/error.ts";
import { requestMsMax, streamRequestsMax } from "../domain/limits.ts";
import {
  decodeModelInferRequest,
  encodeModelInferResponse,
  encodeStreamError,
  encodeStreamResponse,
} from "../protocol/v2/grpc.ts";
import type { GrpcPorts } from "./service.ts";
import { grpcStatus } from "./status.ts";

type InferStream = ServerDuplexStream<Buffer, Buffer>;

/**
 * `ModelStreamInfer` in Triton's form: each request has one answer, in the order of the requests,
 * which run side by side. An error is an answer, too, and the stream goes on; with
 * `triton_grpc_error: true` in its metadata the first one ends it with the error's own status.
 */
export class InferStreams {
  readonly #ports: GrpcPorts;
  readonly #open = new Set<Conversation>();

  constructor(ports: GrpcPorts) {
    this.#ports = ports;
  }

  serve(stream: InferStream): void {
    const conversation = new Conversation(stream, this.#ports);
    this.#open.add(conversation);
    const leave = () => {
      this.#open.delete(conversation);
      conversation.cancel();
    };
    stream.once("cancelled", leave);
    stream.once("close", leave);
    stream.once("error", leave);
  }

  /** What has been asked is answered; then each stream ends. */
  endAll(): void {
    for (const conversation of this.#open) conversation.finish();
  }
}

class Conversation {
  readonly #stream: InferStream;
  readonly #ports: GrpcPorts;
  readonly #endsByError: boolean;
  readonly #calls = new Set<Call>();
  /** Answers that are owed, the oldest first. */
  readonly #owed: Promise<Buffer | Failure>[] = [];
  #writing = false;
  #asked = true;
  #over = false;

  constructor(stream: InferStream, ports: GrpcPorts) {
    this.#stream = stream;
    this.#ports = ports;
    this.#endsByError = stream.metadata.get("triton_grpc_error").includes("true");
    // At once, so that a client that waits to ask is known to be in a conversation.
    stream.sendMetadata(new Metadata());
    stream.on("data", (message: Buffer) => this.#ask(message));
    stream.once("end", () => this.finish());
  }

  /** No more requests; the stream ends with the last answer. */
  finish(): void {
    this.#asked = false;
    void this.#write();
  }

  cancel(): void {
    this.#over = true;
    for (const call of this.#calls) call.cancel();
  }

  #ask(message: Buffer): void {
    if (this.#over || !this.#asked) return;
    this.#owed.push(this.#answer(message));
    // Who asks faster than is answered waits.
    if (this.#owed.length >= streamRequestsMax) this.#stream.pause();
    void this.#write();
  }

  async #answer(message: Buffer): Promise<Buffer | Failure> {
    const { admission, clock, dataplane } = this.#ports;
    let id: string | undefined;
    const call = new Call(clock.nowMs() + this.#timeLimitMs());
    this.#calls.add(call);
    try {
      const permit = admission.acquire(message.length);
      try {
        const request = decodeModelInferRequest(message);
        id = request.id;
        const response = await dataplane.infer(request, call, permit);
        return encodeStreamResponse(encodeModelInferResponse(response, request));
      } finally {
        permit.release();
      }
    } catch (thrown) {
      const error = toServingError(thrown);
      const { kind, cause } = error;
      const fields = { method: "ModelStreamInfer", kind, message: error.message };
      if (kind === "internal")
        this.#ports.log.write("error", "request failed", { ...fields, cause });
      else this.#ports.log.write("debug", "request refused", fields);
      return { code: grpcStatus(kind), details: error.message, id };
    } finally {
      this.#calls.delete(call);
    }
  }

  /** Writes what is owed, one after the other, as fast as it is taken. */
  async #write(): Promise<void> {
    if (this.#writing) return;
    this.#writing = true;
    for (let next = this.#owed[0]; next !== undefined && !this.#over; next = this.#owed[0]) {
      const answer = await next;
      void this.#owed.shift();
      if (this.#over) break;
      if (!Buffer.isBuffer(answer) && this.#endsByError) {
        this.cancel();
        this.#stream.emit("error", { code: answer.code, details: answer.details });
        break;
      }
      const bytes = Buffer.isBuffer(answer) ? answer : encodeStreamError(answer.details, answer.id);
      if (!this.#stream.write(bytes)) await this.#drained();
      if (this.#owed.length < streamRequestsMax) this.#stream.resume();
    }
    this.#writing = false;
    if (!this.#asked && this.#owed.length === 0 && !this.#over) {
      this.#over = true;
      this.#stream.end();
    }
  }

  #drained(): Promise<void> {
    return new Promise((resolve) => {
      this.#stream.once("drain", resolve);
      this.#stream.once("cancelled", resolve);
      this.#stream.once("close", resolve);
    });
  }

  /** A stream's deadline is that of all its requests. */
  #timeLimitMs(): number {
    const deadline = this.#stream.getDeadline();
    const atMs = deadline instanceof Date ? deadline.getTime() : deadline;
    return Math.min(atMs - Date.now(), requestMsMax);
  }
}

interface Failure {
  readonly code: number;
  readonly details: string;
  readonly id: string | undefined;
}
