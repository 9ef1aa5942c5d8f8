import { loadSync } from "@grpc/proto-loader";
import descriptor, {
  type IDescriptorProto,
  type IFileDescriptorProto,
} from "protobufjs/ext/descriptor/index.js";

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
    const repaired = descriptors.map((bytes) => withMapEntries(bytes, file));
    byFile.set(file, repaired);
    for (const [name] of messages) symbols.set(name, repaired);
    symbols.set(service, repaired);
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

/**
 * protobufjs (7.6) calls the message of a map's entries as the field; the language calls it
 * `<Field>Entry`, and clients refuse another name. Its files are called after the package.
 */
function withMapEntries(bytes: Uint8Array, name: string): Uint8Array {
  // A codec of a type of its own gives messages of that type.
  const file = descriptor.FileDescriptorProto.decode(bytes) as IFileDescriptorProto;
  for (const message of file.messageType ?? []) renameEntries(message);
  return descriptor.FileDescriptorProto.encode({ ...file, name }).finish();
}

function renameEntries(message: IDescriptorProto): void {
  for (const inner of message.nestedType ?? []) {
    renameEntries(inner);
    if (inner.options?.mapEntry !== true) continue;
    const before = inner.name;
    inner.name = `${camelCase(before ?? "")}Entry`;
    for (const field of message.field ?? []) {
      if (field.typeName === before) field.typeName = inner.name;
    }
  }
}

/** As protoc makes names of types from names of fields. */
function camelCase(name: string): string {
  return name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}
