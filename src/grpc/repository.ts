import { ServingError } from "../domain/error.ts";
import { parseModelName } from "../domain/model.ts";
import type { Admission, IndexEntry, Models, RepositoryControl } from "../domain/ports.ts";
import { decodeModelRequest } from "../protocol/v2/grpc.ts";
import {
  decodeIndexMessage,
  decodeLoadMessage,
  encodeLoadAnswer,
} from "../protocol/v2/repository-grpc.ts";

export interface RepositoryPorts {
  readonly admission: Admission;
  /** `undefined` where the extension is switched off. */
  readonly control: RepositoryControl | undefined;
  readonly models: Models;
}

type Encode = (method: string, message: object) => Promise<Buffer>;
type Answer = (message: Buffer) => Promise<Buffer>;

/** Triton's model repository and model configuration extensions on gRPC, by method. */
export function repositoryAnswers(
  { admission, control, models }: RepositoryPorts,
  encode: Encode,
): Record<string, Answer> {
  const switchedOn = (): RepositoryControl => {
    if (control !== undefined) return control;
    throw new ServingError(
      "forbidden",
      "explicit model load / unload is not allowed; it is switched on by --repository-api",
    );
  };
  return {
    RepositoryIndex: async (message) => {
      const { readyOnly } = decodeIndexMessage(message);
      const entries = switchedOn().index(readyOnly);
      return encode("RepositoryIndex", { models: entries.map(indexMessage) });
    },
    RepositoryModelLoad: async (message) => {
      const active = switchedOn();
      // Files may come with it: their bytes count as those of any request.
      const permit = admission.acquire(message.length);
      try {
        const { model, config, files } = decodeLoadMessage(message);
        await active.load(model, { ...(config === undefined ? {} : { config }), files });
        return encodeLoadAnswer(model);
      } finally {
        permit.release();
      }
    },
    RepositoryModelUnload: async (message) => {
      const active = switchedOn();
      const { model } = decodeLoadMessage(message);
      await active.unload(model);
      return encodeLoadAnswer(model);
    },
    ModelConfig: async (message) => {
      const { name, version } = decodeModelRequest(message);
      return encode("ModelConfig", { config: await models.config(parseModelName(name), version) });
    },
  };
}

function indexMessage({ name, version, state, reason }: IndexEntry): object {
  const known = version === undefined ? {} : { version: String(version) };
  return { name, ...known, state: state ?? "", reason: reason ?? "" };
}
