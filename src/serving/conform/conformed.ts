import { invalid } from "../../domain/error.ts";
import type { Tensor } from "../../domain/tensor.ts";

/** A request in the model's own terms. */
export interface Conformed {
  /** One tensor for each input of the graph, in its order. */
  readonly inputs: readonly Tensor[];
  /** Names of the graph's outputs to compute. */
  readonly outputs: readonly string[];
  readonly form: AnswerForm;
}

/** What becomes of the outputs that a graph gave, so that they answer the request. */
export type AnswerForm =
  /** They are the answer. */
  | { readonly kind: "plain" }
  /** Each has a value for each of so many rows; where the graph knows none, it is of the only. */
  | { readonly kind: "rows"; readonly count: number; readonly only: boolean }
  | { readonly kind: "methods"; readonly answers: readonly MethodAnswer[] };

/** An output of the answer, from one of the graph. */
export interface MethodAnswer {
  readonly name: string;
  /** Which of `Conformed.outputs` it is. */
  readonly output: number;
  /** Whether single values are a column: [N, 1] instead of [N]. */
  readonly column: boolean;
}

export const plain: AnswerForm = { kind: "plain" };

/**
 * The answer to a request, from the outputs in the order of `Conformed.outputs`. Throws
 * `invalid-request` where there are no values for each row.
 */
export function answerIn(form: AnswerForm, outputs: readonly Tensor[]): readonly Tensor[] {
  switch (form.kind) {
    case "plain":
      return outputs;
    case "rows":
      if (form.only) return outputs.map((output) => ({ ...output, shape: [1, ...output.shape] }));
      for (const output of outputs) checkRows(output, form.count);
      return outputs;
    case "methods":
      return form.answers.flatMap((answer) => methodOutput(answer, outputs[answer.output]));
    default:
      return form satisfies never;
  }
}

function checkRows({ name, shape }: Tensor, count: number): void {
  if (shape[0] === count) return;
  throw invalid(
    `output '${name}' has the shape [${shape.join(",")}], so there is no answer for each of the ` +
      `${count} instances; give columnar "inputs" instead`,
  );
}

function methodOutput({ name, column }: MethodAnswer, output: Tensor | undefined): Tensor[] {
  if (output === undefined) return [];
  const shape = column && output.shape.length === 1 ? [...output.shape, 1] : output.shape;
  return [{ ...output, name, shape }];
}
