import type { LoadedModel } from "../domain/model.ts";
import type { InferRequest } from "../domain/request.ts";
import type { Conformed } from "./conform/conformed.ts";
import { conformFixed } from "./conform/fixed.ts";

/**
 * Puts a request into its model's terms, whatever the form of its inputs: names, datatypes, ranks
 * and dimensions. The only place that judges a request by its model, and that makes tensors of what
 * came as none. Throws `invalid-request`.
 */
export function conform(request: InferRequest, model: LoadedModel): Conformed {
  return conformFixed(request, model);
}
