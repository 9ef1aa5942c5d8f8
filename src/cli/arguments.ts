import { parseArgs } from "node:util";

/** A command that was called wrongly. The message says how. */
export class ArgumentError extends Error {
  override readonly name = "ArgumentError";
}

type Options = Readonly<
  Record<string, { readonly type: "string" | "boolean"; readonly short?: string }>
>;

/** The one file that a command is about, and its options. Throws ArgumentError with `usage`. */
export function oneFile(argv: readonly string[], options: Options, usage: string) {
  try {
    const { values, positionals } = parseArgs({
      args: [...argv],
      options: { ...options },
      allowPositionals: true,
    });
    const [file, ...more] = positionals;
    if (file === undefined || more.length > 0) throw new Error("expected one model file");
    return { file, values };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ArgumentError(`${reason}\n${usage}`);
  }
}
