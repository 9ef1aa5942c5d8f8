import type { Datatype } from "../../../src/domain/datatype.ts";
import type { Send } from "../../support/http.ts";

/** Requests of V2 for the models of `models.ts`. */

export interface Input {
  readonly shape: readonly unknown[];
  /** The array as JSON text, so that `NaN` and long integers stay as they are written. */
  readonly elements: string;
}

/** To `id-<datatype>`, whose input is x; `rest` is put behind the inputs. */
export function toIdentity(datatype: Datatype, input: Input, rest = ""): Send {
  return toModel(`id-${datatype}`, datatype, input, rest);
}

export function toModel(model: string, datatype: string, input: Input, rest = ""): Send {
  const shape = JSON.stringify(input.shape);
  const x = `{"name":"x","datatype":"${datatype}","shape":${shape},"data":${input.elements}}`;
  return { path: `/v2/models/${model}/infer`, body: `{"inputs":[${x}]${rest}}` };
}
