import type { LoadedModel } from "../domain/model.ts";
import type { InferRequest } from "../domain/request.ts";
import type { Conformed } from "./conform/conformed.ts";
import { conformFixed } from "./conform/fixed.ts";
import { conformTabular } from "./conform/tabular.ts";

/**
 * Puts a request into its model's terms, whatever the form of its inputs: names, datatypes, ranks
 * and dimensions. The only place that judges a request by its model, and that makes tensors of what
 * came as none. Throws `invalid-request`.
 */
export function conform(request: InferRequest, { name, signature }: LoadedModel): Conformed {
  switch (signature.kind) {
    case "fixed":
      return conformFixed(request, signature, name);
    case "tabular":
      return conformTabular(request, signature, name);
    default:
      return signature satisfies never;
  }
}
