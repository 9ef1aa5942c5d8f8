import { writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import { convert as converted } from "../formats/convert.ts";
import { familyOf } from "../formats/family.ts";
import { ArgumentError, oneFile } from "./arguments.ts";

export const convertUsage = "Usage: thaw convert FILE -o model.onnx";

/** `thaw convert`: a model file as an ONNX graph. Throws ArgumentError, FormatError. */
export async function convert(argv: readonly string[]): Promise<string> {
  const options = { output: { type: "string", short: "o" } } as const;
  const { file, values } = oneFile(argv, options, convertUsage);
  const output = values["output"];
  if (typeof output !== "string") throw new ArgumentError(`-o is missing\n${convertUsage}`);
  const family = familyOf(file);
  if (family === "onnx") throw new ArgumentError(`${file} is an ONNX graph already`);
  if (resolve(output) === resolve(file)) {
    throw new ArgumentError(`${output} is the model itself; give another file with -o`);
  }
  const { graph, signature, stages } = await converted(file, family);
  await writeFile(output, graph);
  const feeds = signature.feeds.map(
    ({ name, datatype, columns }) => `${name} ${datatype} [-1, ${columns.length}]`,
  );
  const lines = [
    `${output}: ${graph.byteLength} bytes; takes ${feeds.join(", ")}`,
    stages.length === 0
      ? "ONNX Runtime runs it as it is; with one thread its numbers are the library's"
      : "what thaw does around this graph is not in it: ONNX Runtime alone cannot serve the model",
  ];
  return `${lines.join("\n")}\n`;
}
