import type {
  ServerWritableStream,
  ServiceDefinition,
  UntypedServiceImplementation,
} from "@grpc/grpc-js";
import { ServingError, toServingError } from "../domain/error.ts";
import type { Health, Log } from "../domain/ports.ts";
import {
  decodeHealthRequest,
  encodeHealthResponse,
  type HealthStatus,
} from "../protocol/v2/grpc.ts";
import { rawMethod, unary } from "./service.ts";
import { grpcStatus } from "./status.ts";

const services = new Set(["", "inference.GRPCInferenceService", "grpc.health.v1.Health"]);

type Watch = ServerWritableStream<Buffer, Buffer>;

/** `grpc.health.v1.Health`: SERVING exactly while the server is ready. */
export class HealthService {
  readonly #health: Health;
  readonly #log: Log;
  readonly #watches = new Set<Watch>();

  constructor(health: Health, log: Log) {
    this.#health = health;
    this.#log = log;
  }

  service(): [ServiceDefinition, UntypedServiceImplementation] {
    const definition = {
      Check: rawMethod("/grpc.health.v1.Health/Check"),
      Watch: rawMethod("/grpc.health.v1.Health/Watch", true),
    };
    const check = (message: Buffer) => {
      const status = this.#status(decodeHealthRequest(message));
      if (status !== "SERVICE_UNKNOWN") return encodeHealthResponse(status);
      throw new ServingError("model-not-found", "unknown service");
    };
    return [
      definition,
      { Check: unary("Check", check, this.#log), Watch: (call: Watch) => this.#watch(call) },
    ];
  }

  /** Ends every Watch; a server that shuts down would wait for them. */
  endWatches(): void {
    for (const call of this.#watches) call.end();
  }

  #status(service: string): HealthStatus {
    if (!services.has(service)) return "SERVICE_UNKNOWN";
    return this.#health.ready() ? "SERVING" : "NOT_SERVING";
  }

  #watch(call: Watch): void {
    let service: string;
    try {
      service = decodeHealthRequest(call.request);
    } catch (thrown) {
      const { kind, message } = toServingError(thrown);
      call.emit("error", { code: grpcStatus(kind), details: message });
      return;
    }
    const tell = () => call.write(encodeHealthResponse(this.#status(service)));
    const stop = this.#health.onChange(tell);
    this.#watches.add(call);
    const leave = () => {
      stop();
      this.#watches.delete(call);
    };
    call.once("cancelled", leave).once("close", leave).once("finish", leave);
    tell();
  }
}
