import { invalid } from "../../domain/error.ts";
import { parametersMax } from "../../domain/limits.ts";
import { lengthType, ProtoWriter, varintType } from "../../wire/protobuf.ts";
import { decoded, eachField } from "./grpc.ts";
import type { IndexRequest, LoadParameters } from "./repository.ts";

/**
 * The requests of Triton's model repository extension on gRPC, in both numberings that are about:
 * Triton's {repository_name = 1, model_name = 2, parameters = 3}, and KServe's {model_name = 1}.
 */

const text = (field: number) => (field << 3) | lengthType;
const number = (field: number) => (field << 3) | varintType;

/** RepositoryIndexRequest {repository_name = 1, ready = 2}. Throws `invalid-request`. */
export function decodeIndexMessage(message: Uint8Array): IndexRequest {
  return decoded("RepositoryIndexRequest", () => {
    let readyOnly = false;
    eachField(message, (tag, reader) => {
      if (tag !== number(2)) return false;
      readyOnly = reader.bool();
      return true;
    });
    return { readyOnly };
  });
}

export interface LoadMessage extends LoadParameters {
  readonly model: string;
}

/** RepositoryModelLoadRequest and RepositoryModelUnloadRequest. Throws `invalid-request`. */
export function decodeLoadMessage(message: Uint8Array): LoadMessage {
  return decoded("RepositoryModelLoadRequest", () => {
    let first = "";
    let second = "";
    let config: string | undefined;
    let count = 0;
    const files = new Map<string, Uint8Array>();
    eachField(message, (tag, reader) => {
      if (tag === text(1)) first = reader.string();
      else if (tag === text(2)) second = reader.string();
      else if (tag === text(3)) {
        count += 1;
        if (count > parametersMax) throw invalid(`more than ${parametersMax} parameters`);
        const { key, string, bytes } = decodeParameter(reader.bytes());
        if (key === "config") config = string ?? missing(key, "a text");
        if (key.startsWith("file:")) files.set(key.slice(5), bytes ?? missing(key, "bytes"));
      } else return false;
      return true;
    });
    // Where only the first is given, it is not a repository's name but KServe's model.
    return { model: second === "" ? first : second, config, files };
  });
}

interface WireParameter {
  key: string;
  string: string | undefined;
  bytes: Uint8Array | undefined;
}

/** An entry of map<string, ModelRepositoryParameter>: string_param = 3, bytes_param = 4. */
function decodeParameter(entry: Uint8Array): WireParameter {
  const parameter: WireParameter = { key: "", string: undefined, bytes: undefined };
  eachField(entry, (tag, reader) => {
    if (tag === text(1)) parameter.key = reader.string();
    else if (tag === text(2)) {
      eachField(reader.bytes(), (inner, value) => {
        if (inner === text(3)) parameter.string = value.string();
        else if (inner === text(4)) parameter.bytes = value.bytes();
        else return false;
        return true;
      });
    } else return false;
    return true;
  });
  return parameter;
}

function missing(key: string, what: string): never {
  throw invalid(`parameter '${key.slice(0, 100)}': expected ${what}`);
}

/** KServe's answer {model_name = 1, isLoaded or isUnloaded = 2}; Triton's clients pass it over. */
export function encodeLoadAnswer(model: string): Buffer {
  return new ProtoWriter(model.length + 8).string(1, model).bool(2, true).finish();
}
