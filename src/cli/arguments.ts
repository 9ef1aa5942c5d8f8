import { parseArgs } from "node:util";

/** A command that was called wrongly. The message says how. */
export class ArgumentError extends Error {
  override readonly name = "ArgumentError";
}

/** Not a failure: the message is what was asked for. */
export class HelpAsked extends Error {
  override readonly name = "HelpAsked";
}

type Options = Readonly<
  Record<string, { readonly type: "string" | "boolean"; readonly short?: string }>
>;

/**
 * The one file that a command is about, and its options. Throws ArgumentError or HelpAsked with
 * `usage`.
 */
export function oneFile(argv: readonly string[], options: Options, usage: string) {
  if (argv.includes("--help") || argv.includes("-h")) throw new HelpAsked(usage);
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
