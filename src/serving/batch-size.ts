import { invalid } from "../domain/error.ts";
import type { LoadedModel } from "../domain/model.ts";
import type { Tensor } from "../domain/tensor.ts";

/**
 * Where a model's configuration makes the first dimension a batch (Triton's `max_batch_size`),
 * every input has the same, and not more. Throws `invalid-request`, in Triton's words.
 */
export function checkBatchSize(
  { name, rowsMax }: Pick<LoadedModel, "name" | "rowsMax">,
  inputs: readonly Tensor[],
): void {
  if (rowsMax === undefined) return;
  const rows = inputs[0]?.shape[0] ?? 0;
  for (const input of inputs) {
    if (input.shape[0] === rows) continue;
    throw invalid(`input '${input.name}' batch size does not match other inputs for '${name}'`);
  }
  if (rows <= rowsMax) return;
  throw invalid(`inference request batch-size must be <= ${rowsMax} for '${name}'`);
}
