import { clip } from "../domain/text.ts";

/** Why ONNX Runtime does not load a graph, in words that say what to do. */

interface Explanation {
  readonly pattern: RegExp;
  readonly say: (found: readonly string[]) => string;
}

/** In the words of ONNX Runtime 1.30.0. */
const explanations: readonly Explanation[] = [
  {
    pattern: /Fatal error: (.*):(\w+)\(-?\d+\) is not a registered function\/op/,
    say: ([, domain = "", op = ""]) =>
      `it uses the operator '${op}' of the domain '${domain || "ai.onnx"}', which ONNX ` +
      "Runtime does not have; custom operators cannot be loaded. Export it without, or with the " +
      "operator as a function of the model",
  },
  {
    pattern: /No Op registered for (\w+) with domain_version of (\d+)/,
    say: ([, op = "", version = ""]) =>
      `its opset ${version} has no operator '${op}'. Export it with an opset that has it`,
  },
  {
    pattern: /find an implementation for ([\w.:]+)\((\d+)\) node with name '([^']*)'/,
    say: ([, op = "", version = "", name = ""]) =>
      `ONNX Runtime's CPU build cannot compute node '${clip(name)}' (${op} of opset ` +
      `${version}) with its element types. Export it in FP32, or cast around the node`,
  },
  {
    pattern: /External data path does not exist: ".*?([^/"]+)"/,
    say: ([, file = ""]) =>
      `its weights are in the file '${clip(file)}', which is not beside it. Put it there`,
  },
  {
    pattern: /External data path escapes|Absolute path not allowed for external data/,
    say: () =>
      "its weights are in a file outside of its folder, which is not allowed. Save them beside it",
  },
  {
    pattern: /Failed to construct locale with name:([\w.-]*)/,
    say: ([, locale = ""]) =>
      `a StringNormalizer needs the locale '${locale}', which the system does not have. Install ` +
      "it, or set its attribute 'locale' to 'C.UTF-8'",
  },
  {
    pattern: /MLDataType for: (tensor\(\w+\)) is not currently registered/,
    say: ([, type = ""]) => `ONNX Runtime has no ${type}. Export it without`,
  },
];

/** Whether a graph needs a locale that the system does not have. */
export function lacksLocale(native: string): boolean {
  return /Failed to construct locale/.test(native);
}

/** `native`: what ONNX Runtime said. The answer is for the operator, and holds no path. */
export function loadRefusal(native: string): string {
  for (const { pattern, say } of explanations) {
    const found = pattern.exec(native);
    if (found !== null) return `${say(found)} (ONNX Runtime: ${withoutPaths(native)})`;
  }
  return `ONNX Runtime cannot load it: ${withoutPaths(native)}`;
}

const textMax = 500;

/** Without the places of ONNX Runtime's own sources, and without the server's folders. */
function withoutPaths(native: string): string {
  const text = native
    .replace(/^(?:.*: )?\/onnxruntime_src\/\S+:\d+ .*?\)(?: \[with [^\]]*\])? (?=[A-Z!])/s, "")
    .replace(/(?:\/[^\s/"']+)+\/([^\s/"']+)/g, "$1");
  return clip(text.trim(), textMax);
}
