import {
  type Method,
  type MethodName,
  type TabularSignature,
  tabularOutput,
} from "../../domain/model.ts";
import type { InferRequest } from "../../domain/request.ts";
import type { Tensor } from "../../domain/tensor.ts";
import type { AnswerForm, Conformed, MethodAnswer } from "./conformed.ts";
import { feedTensor } from "./feeds.ts";
import { unknownOutput } from "./names.ts";
import { tabulate } from "./tabulate.ts";

/**
 * Models of tables. Inputs in any form become a table of the model's columns, and that becomes the
 * matrices that the graph takes. Answers have KServe's name and shape, or MLServer's.
 */
export function* conformTabular(
  request: InferRequest,
  signature: TabularSignature,
  model: string,
): Generator<void, Conformed> {
  const asked = askedMethods(request, signature, model);
  const table = tabulate(request, signature, model);
  const inputs: Tensor[] = [];
  for (const feed of signature.feeds) inputs.push(yield* feedTensor(feed, table, signature));
  const outputs = [...new Set(asked.map(({ method }) => method.output))];
  const answers = asked.map(
    ({ name, method, column }): MethodAnswer => ({
      name,
      column,
      output: outputs.indexOf(method.output),
    }),
  );
  const form: AnswerForm = { kind: "methods", answers };
  return { inputs, outputs, form };
}

interface Asked {
  readonly name: string;
  readonly method: Method;
  readonly column: boolean;
}

/** MLServer's outputs are called by their methods; KServe has one, of the usual method. */
function askedMethods(request: InferRequest, signature: TabularSignature, model: string): Asked[] {
  const { methods, style } = signature;
  const usual = methodOf(methods, signature.method);
  if (usual === undefined) throw unknownOutput(signature.method, namesOf(methods), model);
  const plain: Asked = { name: tabularOutput, method: usual, column: false };
  if (request.outputs.length === 0) {
    // V1 has no names, and MLServer no V1.
    const v1 = request.inputs.kind === "rows" || request.inputs.kind === "columns";
    const named = style === "mlserver" && !v1;
    return [named ? { name: usual.name, method: usual, column: true } : plain];
  }
  return request.outputs.map(({ name }) => {
    if (name === tabularOutput) return plain;
    const method = methodOf(methods, name);
    if (method === undefined)
      throw unknownOutput(name, [tabularOutput, ...namesOf(methods)], model);
    return { name, method, column: true };
  });
}

function methodOf(methods: readonly Method[], name: string): Method | undefined {
  return methods.find((method) => method.name === name);
}

function namesOf(methods: readonly Method[]): MethodName[] {
  return methods.map(({ name }) => name);
}
