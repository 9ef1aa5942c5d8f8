import { loadSync } from "@grpc/proto-loader";

/** The descriptors of `proto/`, as reflection gives them out. */
export interface Descriptors {
  /** Full names of services. */
  readonly services: readonly string[];
  readonly byFile: ReadonlyMap<string, readonly Uint8Array[]>;
  /** The file that has a service, a method, or a message. */
  bySymbol(name: string): readonly Uint8Array[] | undefined;
}

const protoFiles = [
  { file: "open_inference_grpc.proto", service: "inference.GRPCInferenceService" },
  { file: "health.proto", service: "grpc.health.v1.Health" },
];

export function readDescriptors(protoFolder: string): Descriptors {
  const symbols = new Map<string, readonly Uint8Array[]>();
  const byFile = new Map<string, readonly Uint8Array[]>();
  for (const { file, service } of protoFiles) {
    const loaded = loadSync(file, { keepCase: true, includeDirs: [protoFolder] });
    const messages = Object.entries(loaded);
    const descriptors = messages
      .map(([, one]) => descriptorsOf(one))
      .find((one) => one !== undefined);
    if (descriptors === undefined) continue;
    byFile.set(file, descriptors);
    for (const [name] of messages) symbols.set(name, descriptors);
    symbols.set(service, descriptors);
  }
  return {
    services: protoFiles.map(({ service }) => service),
    byFile,
    bySymbol: (name) => symbols.get(name) ?? symbols.get(name.slice(0, name.lastIndexOf("."))),
  };
}

function descriptorsOf(one: unknown): readonly Uint8Array[] | undefined {
  if (typeof one !== "object" || one === null || !("fileDescriptorProtos" in one)) return undefined;
  const { fileDescriptorProtos } = one;
  // proto-loader keeps them with every message.
  return Array.isArray(fileDescriptorProtos) ? (fileDescriptorProtos as Uint8Array[]) : undefined;
}
