import type {
  ServerDuplexStream,
  ServiceDefinition,
  UntypedServiceImplementation,
} from "@grpc/grpc-js";
import { toServingError } from "../domain/error.ts";
import {
  decodeReflectionRequest,
  encodeReflectionAnswer,
  type ReflectionAnswer,
} from "../protocol/reflection.ts";
import type { Descriptors } from "./descriptors.ts";
import { rawMethod } from "./service.ts";
import { grpcStatus } from "./status.ts";

type ReflectionStream = ServerDuplexStream<Buffer, Buffer>;

const notFound = 5;
const unimplemented = 12;

/**
 * `grpc.reflection.v1` and `v1alpha`, which are the same on the wire: clients such as grpcurl learn
 * the services from the server itself. The descriptors are read when somebody first asks.
 */
export class ReflectionService {
  readonly #protoFolder: string;
  readonly #open = new Set<ReflectionStream>();
  #descriptors: Promise<Descriptors> | undefined;

  constructor(protoFolder: string) {
    this.#protoFolder = protoFolder;
  }

  services(): [ServiceDefinition, UntypedServiceImplementation][] {
    return ["v1", "v1alpha"].map((version) => {
      const path = `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`;
      const definition = {
        ServerReflectionInfo: { ...rawMethod(path, true), requestStream: true },
      };
      return [definition, { ServerReflectionInfo: (call: ReflectionStream) => this.#serve(call) }];
    });
  }

  endAll(): void {
    for (const call of this.#open) call.end();
  }

  #serve(call: ReflectionStream): void {
    this.#open.add(call);
    let last = Promise.resolve();
    call.on("data", (message: Buffer) => {
      last = last.then(() => this.#answer(call, message));
    });
    call.once("end", () => {
      void last.then(() => call.end());
    });
    call.once("close", () => this.#open.delete(call));
    call.once("cancelled", () => this.#open.delete(call));
  }

  async #answer(call: ReflectionStream, message: Buffer): Promise<void> {
    try {
      const request = decodeReflectionRequest(message);
      this.#descriptors ??= import("./descriptors.ts").then(({ readDescriptors }) =>
        readDescriptors(this.#protoFolder),
      );
      const answer = answerTo(request, await this.#descriptors);
      call.write(encodeReflectionAnswer(message, answer));
    } catch (thrown) {
      const { kind, message: details } = toServingError(thrown);
      call.emit("error", { code: grpcStatus(kind), details });
    }
  }
}

function answerTo(
  request: ReturnType<typeof decodeReflectionRequest>,
  { services, byFile, bySymbol }: Descriptors,
): ReflectionAnswer {
  switch (request.kind) {
    case "list":
      return { kind: "services", names: services };
    case "file":
      return fileOr(byFile.get(request.name), `there is no file ${request.name}`);
    case "symbol":
      return fileOr(bySymbol(request.name), `there is no symbol ${request.name}`);
    case "other":
      return { kind: "error", code: unimplemented, message: "extensions are not supported" };
    default:
      return request satisfies never;
  }
}

function fileOr(files: readonly Uint8Array[] | undefined, missing: string): ReflectionAnswer {
  return files === undefined
    ? { kind: "error", code: notFound, message: missing }
    : { kind: "files", files };
}
