import {
  clientInputs,
  clientOutputs,
  type Signature,
  type TabularSignature,
} from "../domain/model.ts";
import { describe } from "../formats/describe.ts";
import { oneFile } from "./arguments.ts";

export const inspectUsage = "Usage: thaw inspect FILE [--json]";

/** `thaw inspect`: what a model file is. Throws ArgumentError, FormatError. */
export async function inspect(argv: readonly string[]): Promise<string> {
  const { file, values } = oneFile(argv, { json: { type: "boolean" } }, inspectUsage);
  const { family, platform, signature, outline, stages } = await describe(file);
  if (values["json"] === true) {
    return `${JSON.stringify({ family, platform, signature, outline, stages }, undefined, 2)}\n`;
  }
  const lines = [
    `${file}: ${familyNames[family]}`,
    ...outline.map((line) => `  ${line}`),
    "inputs:",
    ...tensors(clientInputs(signature)),
    ...columnLines(signature),
    "outputs:",
    ...tensors(clientOutputs(signature)),
    ...methodLines(signature),
    ...(stages.length === 0 ? [] : ["around the graph:", ...stages.map((one) => `  ${one}`)]),
  ];
  return `${lines.join("\n")}\n`;
}

const familyNames = {
  onnx: "an ONNX graph",
  pickle: "a pickled model",
  xgboost: "a model of XGBoost",
  lightgbm: "a model of LightGBM",
};

function tensors(specs: ReturnType<typeof clientInputs>): string[] {
  return specs.map(
    ({ name, datatype, shape }) => `  ${name} ${datatype} [${shape?.join(", ") ?? "…"}]`,
  );
}

function columnLines(signature: Signature): string[] {
  if (signature.kind !== "tabular") return [];
  const named = signature.columns.filter(({ name }) => name !== undefined);
  if (named.length === 0) return [];
  const texts = signature.columns.map(
    ({ name, type }) => `${name ?? "?"}${type === "text" ? " (text)" : ""}`,
  );
  return [`  columns: ${texts.join(", ")}`];
}

function methodLines(signature: Signature): string[] {
  if (signature.kind !== "tabular") return [];
  const texts = signature.methods.map(methodText);
  return [`  can be asked for: ${texts.join(", ")}`];
}

function methodText({ name, datatype, shape }: TabularSignature["methods"][number]): string {
  return `${name} ${datatype} [${shape.join(", ")}]`;
}
